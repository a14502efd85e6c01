-- Pageviews as Liwan's script sends them: github.com/explodingcamera/liwan, tracker/README.md.
package.path = debug.getinfo(1, "S").source:match("^@(.*/)") .. "../?.lua;" .. package.path
local load = require("load")
local tracker = require("parts.tracker")

local post, entity

local function parameter(query, name)
  local value = query:match(name .. "=([^&]*)")
  return value and ('"%s"'):format(value) or "null"
end

local campaigns = tracker.remember(function(query)
  return ('{"campaign":%s,"content":null,"medium":%s,"source":%s,"term":null}'):format(
    parameter(query, "utm_campaign"), parameter(query, "utm_medium"), parameter(query, "utm_source"))
end)

load.drive({
  begin = function(site, host)
    entity = tracker.quote(site)
    post = tracker.poster(host, "/api/event", "application/json")
  end,
  write = function(browser, address, page, referrer)
    local path, query = tracker.split(page)
    return post(browser, address, ('{"entity_id":"%s","name":"pageview","referrer":"%s","url":"%s%s","utm":%s}'):format(
      entity, referrer or "", tracker.ORIGIN, path, campaigns[query]))
  end,
  accepts = tracker.is_success,
})
