-- What the trackers of other programs have in common: a browser's headers, through a reverse proxy.
local load = require("load")
local format = string.format

local tracker = { ORIGIN = "https://example.com" }

local HEADERS = "Accept: */*\r\nAccept-Language: en-GB,en;q=0.9,de;q=0.8\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
  .. "Origin: https://example.com\r\nReferer: https://example.com/\r\nSec-Fetch-Site: cross-site\r\n"
  .. "Sec-Fetch-Mode: %s\r\nSec-Fetch-Dest: %s\r\nX-Forwarded-For: "

-- Any response of 2xx means that the event is counted.
function tracker.is_success(status) return status >= 200 and status < 300 end

-- A table that makes each value once, from its key.
function tracker.remember(make)
  return setmetatable({}, {
    __index = function(known, key)
      known[key] = make(key)
      return known[key]
    end,
  })
end

-- Path and query of a page, and the two of them in one.
function tracker.split(page)
  local rest = page:sub(#tracker.ORIGIN + 1)
  local path, query = rest:match("^([^?]*)(.*)$")
  return path, query, rest
end

-- What a page is titled; some trackers send it.
function tracker.title(page) return "About " .. tracker.split(page) end

tracker.encode, tracker.quote = load.encode, load.quote

-- Makes the function that writes a POST: browser, address and body are given each time.
function tracker.poster(host, path, content_type)
  local head = format("POST %s HTTP/1.1\r\nHost: %s\r\n", path, host)
  local rest = HEADERS:format("cors", "empty")
  local tail = format("\r\nContent-Type: %s\r\nContent-Length: ", content_type)
  return function(browser, address, body)
    return head .. browser .. rest .. address .. tail .. #body .. "\r\n\r\n" .. body
  end
end

-- Makes the function that writes the GET of a picture: browser, address and the search part are given each time.
function tracker.getter(host, path)
  local rest = HEADERS:format("no-cors", "image")
  local head, tail = format("GET %s?", path), format(" HTTP/1.1\r\nHost: %s\r\n", host)
  return function(browser, address, search)
    return head .. search .. tail .. browser .. rest .. address .. "\r\n\r\n"
  end
end

return tracker
