// Without a time zone in the URL, the browser's is used, from the first page on.

import { DASHBOARD } from "./links";
import { show } from "./page";

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && document.body.dataset.zone && !new URLSearchParams(location.search).has("tz")) {
  const address = new URL(location.href);
  // In a frame on another site's page, there are no cookies.
  if (address.searchParams.has("embed")) address.searchParams.set("tz", zone);
  else document.cookie = `prisme_tz=${zone}; Path=${DASHBOARD}; Max-Age=31536000; SameSite=Lax`;
  if (document.body.dataset.zone !== zone) void show(address.href, false);
}
