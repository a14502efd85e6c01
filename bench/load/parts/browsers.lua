-- About 850 browsers: the User-Agent, and the client hints that Chromium's children send along.
local format = string.format

return function()
  local browsers = {}
  local desktops = {
    { "Windows NT 10.0; Win64; x64", "Windows" }, { "Macintosh; Intel Mac OS X 10_15_7", "macOS" },
    { "X11; Linux x86_64", "Linux" }, { "X11; CrOS x86_64 14541.0.0", "Chrome OS" },
  }
  local models = {
    "SM-A515F", "SM-A536B", "SM-G991B", "SM-S911B", "Pixel 6", "Pixel 8 Pro", "Redmi Note 9S", "M2101K6G",
    "moto g(30)", "CPH2211", "V2031", "RMX3085",
  }
  local function add(ua, brand, version, platform, mobile)
    local hints = ""
    if brand then
      hints = format(
        'Sec-CH-UA: "Chromium";v="%d", "%s";v="%d", "Not?A_Brand";v="24"\r\nSec-CH-UA-Mobile: %s\r\n'
          .. 'Sec-CH-UA-Platform: "%s"\r\n', version, brand, version, mobile and "?1" or "?0", platform)
    end
    browsers[#browsers + 1] = "User-Agent: Mozilla/5.0 " .. ua .. "\r\n" .. hints
  end
  for version = 118, 147 do
    for _, desktop in ipairs(desktops) do
      local chrome = format("(%s) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36", desktop[1], version)
      add(chrome, "Google Chrome", version, desktop[2])
      add(format("%s Edg/%d.0.0.0", chrome, version), "Microsoft Edge", version, desktop[2])
      add(format("%s OPR/%d.0.0.0", chrome, version - 15), "Opera", version, desktop[2])
    end
    for _, android in ipairs({ "Linux; Android 10; K", "Linux; Android 13; " .. models[version % #models + 1] }) do
      local mobile = format("(%s) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Mobile Safari/537.36", android, version)
      add(mobile, "Google Chrome", version, "Android", true)
      add(format("(%s) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/%d.0 Chrome/%d.0.0.0 Mobile Safari/537.36",
        android, version - 95, version), "Samsung Internet", version, "Android", true)
    end
    for _, system in ipairs({ "Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10.15", "X11; Linux x86_64",
      "X11; Ubuntu; Linux x86_64" }) do
      add(format("(%s; rv:%d.0) Gecko/20100101 Firefox/%d.0", system, version, version))
    end
    add(format("(Android 14; Mobile; rv:%d.0) Gecko/%d.0 Firefox/%d.0", version, version, version))
    for _, apple in ipairs({ "iPhone; CPU iPhone OS", "iPad; CPU OS" }) do
      local os = format("(%s 17_%d like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)", apple, version % 8)
      add(format("%s CriOS/%d.0.6000.60 Mobile/15E148 Safari/604.1", os, version))
      add(format("%s FxiOS/%d.0 Mobile/15E148 Safari/605.1.15", os, version))
    end
  end
  for major = 15, 18 do
    for minor = 0, 7 do
      for _, apple in ipairs({ "iPhone; CPU iPhone OS", "iPad; CPU OS" }) do
        add(format("(%s %d_%d like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/%d.%d Mobile/15E148 Safari/604.1",
          apple, major, minor, major, minor))
      end
      add(format("(Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/%d.%d Safari/605.1.15",
        major, minor))
    end
  end
  return browsers
end
