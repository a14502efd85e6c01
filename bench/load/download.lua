-- Downloads of files, on the pages of open sessions.
package.path = debug.getinfo(1, "S").source:match("^@(.*/)") .. "?.lua;" .. package.path
local load = require("load")
local script = require("parts.script")

local KINDS = { "pdf", "zip", "csv", "epub", "tar.gz" }

local paths, bodies = {}, {}
for i = 1, 1000 do
  paths[i] = "file-downloads"
  bodies[i] = ("https://example.com/files/2026/handbook-%d.%s"):format(i, KINDS[i % #KINDS + 1])
end

load.drive({
  write = script.pageviews(script.ORIGIN),
  event = script.events("text/plain;charset=UTF-8", paths, bodies),
  stores = { "pageviews", "file_downloads" },
})
