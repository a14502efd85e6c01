-- Pageviews as Medama's script sends them when a page is loaded: github.com/medama-io/medama, core/openapi.yaml. Its two
-- requests before that, which ask whether the browser was here today, and the one when the page is left are not sent.
package.path = debug.getinfo(1, "S").source:match("^@(.*/)") .. "../?.lua;" .. package.path
local load = require("load")
local tracker = require("parts.tracker")

local BODY = '{"b":"%s","e":"load","u":"%s","r":"%s","p":%s,"q":true,"t":"Europe/Berlin"}'
local number, thread, post = 0, nil, nil

load.drive({
  begin = function(_, host)
    thread = ("%x%x"):format(os.time(), math.random(0, 0xffffff))
    post = tracker.poster(host, "/api/event/hit", "text/plain;charset=UTF-8")
  end,
  write = function(browser, address, page, referrer)
    number = number + 1
    local is_first = not (referrer and referrer:sub(1, #tracker.ORIGIN + 1) == tracker.ORIGIN .. "/")
    return post(browser, address, BODY:format(thread .. number, page, referrer or "", tostring(is_first)))
  end,
  accepts = tracker.is_success,
})
