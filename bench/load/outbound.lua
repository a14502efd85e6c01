-- Clicks on links to other hosts, on the pages of open sessions.
package.path = debug.getinfo(1, "S").source:match("^@(.*/)") .. "?.lua;" .. package.path
local load = require("load")
local script = require("parts.script")

local HOSTS = {
  "github.com", "en.wikipedia.org", "www.youtube.com", "docs.python.org", "news.ycombinator.com", "example.org",
  "www.mozilla.org", "stackoverflow.com", "mastodon.social", "shop.example.net", "www.w3.org", "duckdb.org",
}

local paths, bodies = {}, {}
for i = 1, 1000 do
  paths[i] = "outbound-links"
  bodies[i] = ("https://%s/articles/%d/what-to-read-next?page=%d#top"):format(HOSTS[i % #HOSTS + 1], i, i % 7)
end

load.drive({
  write = script.pageviews(script.ORIGIN),
  event = script.events("text/plain;charset=UTF-8", paths, bodies),
  stores = { "pageviews", "outbound_link_clicks" },
})
