-- Pageviews as Prisme's script sends them, this one's and that of the program in Go: docs/http-api.md.
package.path = debug.getinfo(1, "S").source:match("^@(.*/)") .. "../?.lua;" .. package.path
local load = require("load")
local script = require("parts.script")
local tracker = require("parts.tracker")

load.drive({ write = script.pageviews(script.ORIGIN), accepts = tracker.is_success })
