-- Custom events of five properties each, on the pages of open sessions.
package.path = debug.getinfo(1, "S").source:match("^@(.*/)") .. "?.lua;" .. package.path
local load = require("load")
local script = require("parts.script")

local NAMES = { "sign_up", "add_to_cart", "checkout", "search", "play", "share", "log_in", "leave%20a%20comment" }
local PLANS = { "free", "basic", "pro", "team", "enterprise" }
local PLACES = { "header", "footer", "sidebar", "pricing table", "Einführung", "modal" }

local paths, bodies = {}, {}
for i = 1, 1000 do
  paths[i] = "custom/" .. NAMES[i % #NAMES + 1]
  bodies[i] = ('{"plan":"%s","place":"%s","seats":%d,"price":%.2f,"returning":%s}'):format(
    PLANS[i % #PLANS + 1], PLACES[i % #PLACES + 1], i % 50 + 1, i * 0.37, tostring(i % 3 == 0))
end

load.drive({
  write = script.pageviews(script.ORIGIN),
  event = script.events("application/json", paths, bodies),
  stores = { "pageviews", "events_custom" },
})
