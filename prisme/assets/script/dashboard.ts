// What JavaScript adds to the dashboard: links and forms update the page in place, the live figures are refreshed, the
// chart has a cursor, and there are keyboard shortcuts. Everything else works without it, with links and forms.

import "./dashboard/links";
import "./dashboard/narrow";
import "./dashboard/copy";
import "./dashboard/live";
import "./dashboard/chart";
import "./dashboard/details";
import "./dashboard/keys";
import "./dashboard/suggest";
import "./dashboard/upload";
import "./dashboard/zone";
