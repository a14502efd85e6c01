-- What a browser asks before the tracking script's pageviews: it names headers, not their values, and has no hints.
package.path = debug.getinfo(1, "S").source:match("^@(.*/)") .. "?.lua;" .. package.path
local load = require("load")
local script = require("parts.script")

local HEAD = "OPTIONS /api/v1/events/pageviews HTTP/1.1\r\nHost: stats.example.com\r\n"
local REST = "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: "
  .. "x-prisme-document-referrer,x-prisme-referrer,x-prisme-status,x-prisme-visitor-id\r\n" .. script.rest(script.ORIGIN)

-- The User-Agent alone, of each browser.
local agents = setmetatable({}, {
  __index = function(known, browser)
    known[browser] = browser:match("^[^\n]*\n")
    return known[browser]
  end,
})

load.drive({
  write = function(browser, address) return HEAD .. agents[browser] .. REST .. address .. "\r\n\r\n" end,
  stores = {},
})
