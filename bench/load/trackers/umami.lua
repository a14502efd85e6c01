-- Pageviews as Umami's script sends them: umami.is/docs/api/sending-stats. Bots get a body of their own, with 200.
package.path = debug.getinfo(1, "S").source:match("^@(.*/)") .. "../?.lua;" .. package.path
local load = require("load")
local tracker = require("parts.tracker")

local BODY = '{"type":"event","payload":{"website":"%s","screen":"1920x1080","language":"en-GB","title":"%s",'
  .. '"hostname":"example.com","url":"%s","referrer":"%s"}}'
local post, website

load.drive({
  begin = function(site, host)
    website = tracker.quote(site)
    post = tracker.poster(host, "/api/send", "application/json")
  end,
  write = function(browser, address, page, referrer)
    local _, _, url = tracker.split(page)
    return post(browser, address, BODY:format(website, tracker.title(page), url, referrer or ""))
  end,
  accepts = function(status, _, body)
    return tracker.is_success(status) and not body:find("beep", 1, true)
  end,
})
