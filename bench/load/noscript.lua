-- Pageviews as an <img> sends them, through a reverse proxy: no Origin, and the URLs are in the query.
package.path = debug.getinfo(1, "S").source:match("^@(.*/)") .. "?.lua;" .. package.path
local load = require("load")

local HEAD = "GET /api/v1/noscript/events/pageviews?referrer="
local REST = "Accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8\r\n"
  .. "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
  .. "Referer: https://example.com/\r\nSec-Fetch-Site: same-site\r\nSec-Fetch-Mode: no-cors\r\n"
  .. "Sec-Fetch-Dest: image\r\nX-Forwarded-For: "

load.drive({
  encode = load.encode,
  write = function(browser, address, page, referrer)
    local query = referrer and page .. "&document-referrer=" .. referrer or page
    return HEAD .. query .. " HTTP/1.1\r\nHost: stats.example.com\r\n" .. browser .. REST .. address .. "\r\n\r\n"
  end,
})
