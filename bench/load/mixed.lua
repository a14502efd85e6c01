-- Pageviews, one in ten of a page whose site is not registered: three begin a session, six go on, one is refused.
package.path = debug.getinfo(1, "S").source:match("^@(.*/)") .. "?.lua;" .. package.path
local load = require("load")
local script = require("parts.script")

local STRANGER = "https://another.example"
local strange = script.pageviews(STRANGER)

load.drive({
  write = script.pageviews(script.ORIGIN),
  refuse = function(browser, address, page)
    return strange(browser, address, STRANGER .. page:sub(#script.ORIGIN + 1))
  end,
})
