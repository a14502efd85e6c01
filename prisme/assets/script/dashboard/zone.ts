// Without a time zone in the URL, the browser's is used, from the first page on.

import { DASHBOARD } from "./links";
import { show } from "./page";

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && document.body.dataset.zone && !new URLSearchParams(location.search).has("tz")) {
  document.cookie = `prisme_tz=${zone}; Path=${DASHBOARD}; Max-Age=31536000; SameSite=Lax`;
  if (document.body.dataset.zone !== zone) void show(location.href, false);
}
