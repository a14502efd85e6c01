-- Pageviews as GoatCounter's script sends them: goatcounter.com/code/pixel. What it ignores has a header.
package.path = debug.getinfo(1, "S").source:match("^@(.*/)") .. "../?.lua;" .. package.path
local load = require("load")
local tracker = require("parts.tracker")

local number, get = 0, nil

local searches = tracker.remember(function(page)
  local path, query = tracker.split(page)
  return ("p=%s&t=%s&e=false&s=1920%%2C1080%%2C1&b=0&q=%s"):format(
    tracker.encode(path), tracker.encode(tracker.title(page)), tracker.encode(query))
end)
local referrers = tracker.remember(tracker.encode)

load.drive({
  begin = function(_, host) get = tracker.getter(host, "/count") end,
  write = function(browser, address, page, referrer)
    number = number + 1
    local from = referrer and referrers[referrer] or ""
    return get(browser, address, searches[page] .. "&r=" .. from .. ("&rnd=%05x"):format(number))
  end,
  accepts = function(status, headers)
    return tracker.is_success(status) and not headers["X-Goatcounter"]
  end,
})
