-- Pageviews, all of them accepted.
package.path = debug.getinfo(1, "S").source:match("^@(.*/)") .. "?.lua;" .. package.path
local load = require("load")
local script = require("parts.script")

load.drive({ write = script.pageviews(script.ORIGIN) })
