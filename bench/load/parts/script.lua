-- Requests as the tracking script sends them, through a reverse proxy.
local script = { ORIGIN = "https://example.com" }

local POST = "POST /api/v1/events/%s HTTP/1.1\r\nHost: stats.example.com\r\n"
local REST = "Accept: */*\r\nAccept-Language: en-GB,en;q=0.9,de;q=0.8\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
  .. "Origin: %s\r\nReferer: %s/\r\nSec-Fetch-Site: %s\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n"
  .. "X-Forwarded-For: "

-- All headers between the browser's own and the visitor's address, on a page of `origin`.
function script.rest(origin)
  return REST:format(origin, origin, origin == script.ORIGIN and "same-site" or "cross-site")
end

-- Makes the function that writes a pageview of a page of `origin`; the referrer is nil where the visit is direct.
function script.pageviews(origin)
  local head, rest = POST:format("pageviews") .. "Content-Length: 0\r\n", script.rest(origin)
  return function(browser, address, page, referrer)
    if referrer then
      return head .. browser .. rest .. address .. "\r\nX-Prisme-Referrer: " .. page
        .. "\r\nX-Prisme-Document-Referrer: " .. referrer .. "\r\n\r\n"
    end
    return head .. browser .. rest .. address .. "\r\nX-Prisme-Referrer: " .. page .. "\r\n\r\n"
  end
end

-- Makes the function that writes one event of `bodies` after the other, each on the page that it is given. `paths`, one
-- for each body, come after `/api/v1/events/`.
function script.events(content_type, paths, bodies)
  local heads, tails, number = {}, {}, 0
  local rest = script.rest(script.ORIGIN)
  for i, body in ipairs(bodies) do
    heads[i] = POST:format(paths[i])
    tails[i] = ("\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s"):format(content_type, #body, body)
  end
  return function(browser, address, page)
    number = number % #heads + 1
    return heads[number] .. browser .. rest .. address .. "\r\nX-Prisme-Referrer: " .. page .. tails[number]
  end
end

return script
