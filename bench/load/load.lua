-- One load: who visits, in which order, and when to stop. How a request looks is the work's file's to say.
--
-- wrk loads the work's file once for itself (there, `setup` and `done` are called) and once for each of its threads
-- (there, `init` and `request`). Arguments after `--`: threads, first visit's number, seconds of load, addresses,
-- requests a second (0 for as many as are answered), open visits of each thread, and, for the trackers, the name of the
-- site and the value of `Host`. One visitor's requests are as many requests apart: with fewer connections than that, no
-- request overtakes the one before it.
--
-- A visit is one device (an address and a User-Agent, together never used before), one to ten pages, no page twice.
-- So each pageview is one of its own: no reload, no duplicated tab, nothing that is answered but not stored. Where the
-- work has events, a visit has one page, and its other requests are events on it.
local ffi = require("ffi")
local make_browsers = require("parts.browsers")
local floor, random, format = math.floor, math.random, string.format

ffi.cdef [[
  typedef struct { long seconds; long nanoseconds; } bench_time;
  int clock_gettime(int clock, bench_time *time);
]]
local MONOTONIC, PROCESS_CPU = 1, 2 -- Linux's numbers

local load = {}

local PAGES = 4000
-- From a page to the visit's next one. Ten such steps end far from where they began, among 4,000.
local STEP = 7
-- Pages of a visit: 40% have one page, the mean is 3, so that a third of all requests begins a session.
local LENGTHS = { 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 4, 5, 7, 8, 10 }
-- Requests of a visit with events, its pageview included: 20 on average. Two such visits in a minute, from one address,
-- are not over the rate limit.
local LEAST_EVENTS, MOST_EVENTS = 10, 30
-- Where the work has requests to be refused, one in so many is.
local REFUSED = 10
local ORIGIN = "https://example.com"
-- Bytes of a wrong response that are told.
local MOST_WRONG = 1000

local time = ffi.new("bench_time")
local function clock(which)
  ffi.C.clock_gettime(which, time)
  return tonumber(time.seconds) + tonumber(time.nanoseconds) * 1e-9
end

-- 4,000 paths; one in fifty is percent-encoded, as pages in other scripts are.
local function make_pages()
  local nouns = { "garden", "harbour", "kernel", "lantern", "meadow", "notebook", "orchard", "pepper", "quarry", "river" }
  local verbs = { "build", "choose", "clean", "draw", "find", "grow", "keep", "measure", "repair", "write" }
  local pages = { "/", "/about", "/pricing", "/contact", "/blog/", "/docs/" }
  for i = #pages + 1, PAGES do
    local noun, verb = nouns[i % 10 + 1], verbs[floor(i / 10) % 10 + 1]
    if i % 50 == 0 then
      pages[i] = format("/wiki/%%D0%%A1%%D1%%82%%D1%%80%%D0%%B0%%D0%%BD%%D0%%B8%%D1%%86%%D0%%B0_%d", i)
    elseif i % 3 == 0 then
      pages[i] = format("/docs/%s/how-to-%s-%d", noun, verb, i)
    elseif i % 3 == 1 then
      pages[i] = format("/blog/2026/how-to-%s-a-%s-%d/", verb, noun, i)
    else
      pages[i] = format("/products/%s-%d", noun, i)
    end
  end
  return pages
end

local function make_campaigns()
  local campaigns = {}
  for _, source in ipairs({ "newsletter", "google", "bing", "mastodon", "partner" }) do
    for _, campaign in ipairs({ "spring", "launch", "autumn_sale", "webinar" }) do
      campaigns[#campaigns + 1] = format("?utm_source=%s&utm_medium=link&utm_campaign=%s", source, campaign)
    end
  end
  return campaigns
end

local REFERRERS = {
  "https://www.google.com/", "https://www.google.de/", "https://www.google.co.uk/", "https://www.bing.com/",
  "https://duckduckgo.com/", "https://search.yahoo.com/", "https://www.ecosia.org/", "https://search.brave.com/",
  "https://www.reddit.com/", "https://old.reddit.com/r/selfhosted/", "https://news.ycombinator.com/",
  "https://lobste.rs/", "https://t.co/AbCdEf0123", "https://www.linkedin.com/", "https://www.facebook.com/",
  "https://l.instagram.com/", "https://www.youtube.com/", "https://github.com/", "https://mastodon.social/",
  "https://medium.com/", "https://en.wikipedia.org/wiki/Web_analytics", "https://stackoverflow.com/questions/1",
  "https://blog.example.org/links", "https://mail.example.net/", "https://chatgpt.com/", "https://www.perplexity.ai/",
}

-- The same addresses in each thread and round: three of four IPv4, one IPv6 with a /64 of its own.
local function make_addresses(count)
  local special = { [10] = true, [100] = true, [127] = true, [169] = true, [172] = true, [192] = true, [198] = true, [203] = true }
  local blocks = { "2001:8", "2003:c", "2405:2", "2409:4", "2600:1", "2601:1", "2804:1", "2a00:1", "2a01:c", "2a02:8" }
  local addresses, seen = {}, {}
  math.randomseed(1)
  while #addresses < count do
    local address
    if #addresses % 4 == 3 then
      address = format("%s%02x:%x:%x::%x", blocks[random(#blocks)], random(255), random(65535), random(65535), random(65535))
    else
      local first = random(1, 223)
      address = not special[first] and format("%d.%d.%d.%d", first, random(0, 255), random(0, 255), random(1, 254))
    end
    if address and not seen[address] then
      seen[address] = true
      addresses[#addresses + 1] = address
    end
  end
  return addresses
end

-- Percent-encode a text for use as a search parameter.
function load.encode(text)
  return (text:gsub("[^%w%-%._~]", function(byte) return format("%%%02X", byte:byte()) end))
end

-- A text as it stands between the quotes of JSON.
function load.quote(text)
  return (text:gsub('[%c"\\\127-\255]', function(byte) return format("\\u%04x", byte:byte()) end))
end

local function encode_all(texts, encode)
  local encoded = {}
  for i, text in ipairs(texts) do encoded[i] = encode(text) end
  return encoded
end

local function keep(text) return text end

-- Makes the function that gives each request's text in turn. A work has these fields, the first alone is needed:
-- `write(browser, address, page, referrer)` gives a pageview's text, the referrer is nil where the visit is direct;
-- `encode` is applied to each part of a URL, once, before the load; `event(browser, address, page)` gives the text of an
-- event; `refuse(browser, address, page)` that of a request that is not to be accepted; `stores` are the tables that the
-- pageviews and the events go to. `begin(site, host)` is called before the load; `accepts(status, headers, body)` says
-- whether a response means that the event is counted, where its status alone does not.
local function make_turn(work, id, threads, first, address_count, open_visits)
  local encode, write, event, refuse = work.encode or keep, work.write, work.event, work.refuse
  local origin, pages = encode(ORIGIN), encode_all(make_pages(), encode)
  local campaigns, referrers = encode_all(make_campaigns(), encode), encode_all(REFERRERS, encode)
  local browsers, addresses = make_browsers(), make_addresses(address_count)
  local browser, address, page, url, left = {}, {}, {}, {}, {}
  for slot = 1, open_visits do left[slot] = 0 end
  math.randomseed(first + id)
  local slot = 0

  local function begin()
    local number = first + visits * threads + id - 1
    visits = visits + 1
    local place = number % address_count
    address[slot] = addresses[place + 1]
    browser[slot] = browsers[(floor(number / address_count) + place * 7919) % #browsers + 1]
    left[slot] = event and random(LEAST_EVENTS, MOST_EVENTS) or LENGTHS[random(#LENGTHS)]
    page[slot] = floor(#pages * random() * random()) -- some pages are more popular than others
    local campaign = random(10) == 1 and campaigns[random(#campaigns)] or ""
    url[slot] = origin .. pages[page[slot] + 1] .. campaign
    return random(2) == 1 and referrers[random(#referrers)] or nil
  end

  return function()
    if refuse and sent % REFUSED == 0 then
      refused = refused + 1
      return refuse(browser[slot], address[slot], url[slot])
    end
    slot = slot % open_visits + 1
    local referrer
    if left[slot] == 0 then
      referrer = begin()
    elseif event then
      left[slot] = left[slot] - 1
      events = events + 1
      return event(browser[slot], address[slot], url[slot])
    else
      referrer = url[slot]
      page[slot] = (page[slot] + STEP) % #pages
      url[slot] = origin .. pages[page[slot] + 1]
    end
    left[slot] = left[slot] - 1
    return write(browser[slot], address[slot], url[slot], referrer)
  end
end

-- Defines wrk's callbacks. After the seconds of load, `request` gives empty texts: wrk then writes nothing and waits
-- for nothing on that connection, so that each request that was sent is answered when wrk stops, and counted.
function load.drive(work)
  local threads = {}

  function setup(thread)
    threads[#threads + 1] = thread
    thread:set("id", #threads)
  end

  function init(arguments)
    -- Global, for `done` to get: counts of this thread, and the process's CPU seconds when its load began.
    sent, refused, events, visits, cpu = 0, 0, 0, 0, 0
    denied, wrong = 0, ""
    local addresses, open_visits = tonumber(arguments[4]), tonumber(arguments[6])
    if work.begin then work.begin(arguments[7], arguments[8]) end
    local turn = make_turn(work, id, tonumber(arguments[1]), tonumber(arguments[2]), addresses, open_visits)
    local seconds, stop = tonumber(arguments[3]), nil
    local rate, due = tonumber(arguments[5]) / tonumber(arguments[1]), nil
    local tried = id ~= 1 -- wrk asks its first thread for one request that it only parses

    function request()
      if not tried then
        tried = true
        return "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
      end
      local now = clock(MONOTONIC)
      if not stop then
        stop = now + seconds
        cpu = clock(PROCESS_CPU)
      end
      if now >= stop then return "" end
      sent = sent + 1
      return turn()
    end

    -- Each request has its moment, whichever connection is free then: a late answer does not lower the rate. wrk asks
    -- before each request how many milliseconds its connection shall wait; without this function, none does.
    if rate > 0 then
      function delay()
        local now = clock(MONOTONIC)
        due = (due or now) + 1 / rate
        return math.max(0, floor((due - now) * 1000 + 0.5))
      end
    end
  end

  -- wrk collects headers and bodies only where this function exists.
  if work.accepts then
    function response(status, headers, body)
      if not work.accepts(status, headers, body) then
        denied = denied + 1
        if wrong == "" then
          wrong = format("%d %s", status, body)
          for name, value in pairs(headers) do wrong = format("%s\n%s: %s", wrong, name, value) end
        end
      end
    end
  end

  function done(summary, latency)
    local total = { sent = 0, refused = 0, events = 0, visits = 0, denied = 0 }
    for _, thread in ipairs(threads) do
      for name, count in pairs(total) do total[name] = count + thread:get(name) end
    end
    local rows = {}
    for i, count in ipairs({ total.sent - total.refused - total.events, total.events }) do
      local name = (work.stores or { "pageviews" })[i]
      if name then rows[#rows + 1] = format('"%s": %d', name, count) end
    end
    local errors, first_wrong = summary.errors, ""
    for _, thread in ipairs(threads) do
      if first_wrong == "" then first_wrong = thread:get("wrong") end
    end
    io.write(format(
      '\nreport: {"sent": %d, "refusals_expected": %d, "rows": {%s}, "visits": %d, "answered": %d, "refusals": %d, '
        .. '"socket_errors": %d, "cpu_seconds": %.3f, "wrong": "%s", '
        .. '"latency_us": {"p50": %d, "p90": %d, "p99": %d, "p99.9": %d, "max": %d}}\n',
      total.sent, total.refused, table.concat(rows, ", "), total.visits, summary.requests,
      work.accepts and total.denied or errors.status,
      errors.connect + errors.read + errors.write + errors.timeout, clock(PROCESS_CPU) - threads[1]:get("cpu"),
      load.quote(first_wrong:sub(1, MOST_WRONG)),
      latency:percentile(50), latency:percentile(90), latency:percentile(99), latency:percentile(99.9), latency.max))
  end
end

return load
