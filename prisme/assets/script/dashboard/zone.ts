// Without a time zone in the URL, the browser's is used. The page of the log-in has this script as well, so that the
// first page after it knows the zone.

import { show } from "./page";

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !new URLSearchParams(location.search).has("tz")) {
  const address = new URL(location.href);
  // In a frame on another site's page, there are no cookies.
  if (address.searchParams.has("embed")) address.searchParams.set("tz", zone);
  // Below the base path, if there is one, as this script is.
  else
    for (const page of ["dashboard", "sites"]) {
      const path = new URL(`../${page}`, import.meta.url).pathname;
      document.cookie = `prisme_tz=${zone}; Path=${path}; Max-Age=31536000; SameSite=Lax`;
    }
  if (document.body.dataset.zone && document.body.dataset.zone !== zone) void show(address.href, false);
}
