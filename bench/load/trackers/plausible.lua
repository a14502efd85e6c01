-- Pageviews as Plausible's script sends them: plausible.io/docs/events-api. What it does not count has a header.
package.path = debug.getinfo(1, "S").source:match("^@(.*/)") .. "../?.lua;" .. package.path
local load = require("load")
local tracker = require("parts.tracker")

local post, domain

load.drive({
  begin = function(site, host)
    domain = tracker.quote(site)
    post = tracker.poster(host, "/api/event", "text/plain")
  end,
  write = function(browser, address, page, referrer)
    local from = referrer and ('"%s"'):format(referrer) or "null"
    return post(browser, address, ('{"n":"pageview","u":"%s","d":"%s","r":%s}'):format(page, domain, from))
  end,
  accepts = function(status, headers)
    return tracker.is_success(status) and not headers["x-plausible-dropped"]
  end,
})
