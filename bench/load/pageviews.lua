-- Pageviews as the tracking script sends them, through a reverse proxy.
package.path = debug.getinfo(1, "S").source:match("^@(.*/)") .. "?.lua;" .. package.path
local load = require("load")

local HEAD = "POST /api/v1/events/pageviews HTTP/1.1\r\nHost: stats.example.com\r\nContent-Length: 0\r\n"
local REST = "Accept: */*\r\nAccept-Language: en-GB,en;q=0.9,de;q=0.8\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
  .. "Origin: https://example.com\r\nReferer: https://example.com/\r\nSec-Fetch-Site: same-site\r\n"
  .. "Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nX-Forwarded-For: "

load.drive({
  encode = function(text) return text end,
  write = function(browser, address, page, referrer)
    if referrer then
      return HEAD .. browser .. REST .. address .. "\r\nX-Prisme-Referrer: " .. page
        .. "\r\nX-Prisme-Document-Referrer: " .. referrer .. "\r\n\r\n"
    end
    return HEAD .. browser .. REST .. address .. "\r\nX-Prisme-Referrer: " .. page .. "\r\n\r\n"
  end,
})
