/**
 * The tracking script, described in docs/tracking-script.md. It must never throw an error into the page, change the
 * page's behaviour, or block it; and it must not exceed 1,100 bytes of gzip. Some code is only written for size:
 * - `let` everywhere, as one keyword compresses better than two; headers and methods in lower case, as HTTP allows it;
 * - wrong or missing values throw inside `send`, which catches the error, in place of a check for each;
 * - numbers, URLs and links are passed where the browser converts them to strings (`as never`, `as string`);
 * - `/f/` matches "undefined", "false" and "off": an attribute that is missing or turned off.
 */

interface Options {
  domain?: string;
  path?: string;
  visitorId?: string;
  status?: number | string;
}

interface Prisme {
  /** Counts a pageview. Resolves once the server has answered, or cannot be reached; never rejects. */
  pageview(options?: Options): Promise<void>;
  /** Sends a custom event of the page that was counted last. Resolves as `pageview` does. */
  trigger(name: string, properties?: object | null, options?: Options): Promise<void>;
  /** 1 once the script is loaded. Before that, the queued calls of a stub, each of which calls a method above. */
  q: 1 | (() => void)[];
}

interface Window {
  prisme?: Prisme;
}

interface Document {
  /** Not in TypeScript's library: only Chromium prerenders pages. */
  readonly prerendering?: boolean;
}

interface Navigator {
  /** Not in TypeScript's library. */
  readonly globalPrivacyControl?: boolean;
}

{
  let script = document.currentScript as HTMLScriptElement;
  let stub = self.prisme; // or an element with this id, or nothing
  if (stub?.q != 1) {
    let tag = script.dataset;
    // The attributes of the tag, later merged with the options of `pageview`.
    let options: Options & DOMStringMap = tag;
    // A frame in a page of the same origin is part of that page; `frameElement` is null in all others.
    let place = frameElement ? parent.location : location;
    let page: string | undefined; // the URL that was counted last
    let path: string | undefined;
    let load = 0; // the size of the pending requests

    /** Whether a text, or what follows a dot in it, is in a comma-separated list; `*` is any text, case is ignored. */
    let match = (list: string | undefined, text: string) =>
      RegExp("(^|[.])(" + (list + "").replace(/\*/g, ".*").replace(/, */g, "|") + ")$", "i").test(text);

    /** The path of the page as it is now; its route, where the fragment holds one, is a part of it. */
    let locate = () => (place.pathname + (/f/.test(tag.hash!) ? "" : place.hash)).replace(/[/#]+/g, "/");

    /**
     * Sends an event, whatever happens: "pageviews", the only one that sorts behind "p", "custom/" with a name, or a
     * click's. Without an event, it only looks whether the fragment turns counting off or on.
     */
    let send = async (event: string | false | undefined, given?: Options | false | 0, body?: unknown, name = "") => {
      try {
        if (name && body) body = JSON.stringify(body);
        // Path and status of the tag are for the first pageview only.
        given = { ...options, ...(event! > "p" && page && { path: "", status: "" }), ...given };
        let url = new URL(place.href.replace(place.host, given.domain || place.host));
        let from = page ?? document.referrer;
        let weight = 3 * (body + "").length + 256; // upper bound in bytes; 60,000 hold no more than 256 requests
        url.hash = "";
        url.pathname = given.path || locate();
        if (event! > "p") {
          options = given as typeof options;
          page = url.href;
        }
        if (document.prerendering)
          await new Promise((shown) => addEventListener("prerenderingchange", shown, true));
        try {
          if (place.hash == "#prisme-on") localStorage["prismeAnalytics.tracking.enable"] = "";
          if (place.hash == "#prisme-off") localStorage["prismeAnalytics.tracking.enable"] = "false";
          if (localStorage["prismeAnalytics.tracking.enable"] == "false") event = "";
        } catch {} // without storage, nobody can have opted out
        if (
          !(
            !event ||
            navigator.webdriver ||
            (navigator.globalPrivacyControl && !/f/.test(tag.respectGpc!)) ||
            !place.host || // a file, or nothing at all
            match(tag.exclude, url.pathname)
          )
        ) {
          load += weight;
          await (
            await fetch(
              // The script is at /static/wa.js, after any path prefix of a reverse proxy.
              (tag.prismeUrl ?? script.src).replace(
                /\/?(static.wa.*)?$/,
                "/api/v1/events/" + event + encodeURIComponent(name),
              ),
              {
                method: "post",
                headers: {
                  "x-prisme-referrer": url as never,
                  ...(event > "p" && {
                    "x-prisme-document-referrer": from.replace(place.origin, url.origin),
                    "x-prisme-visitor-id": unescape(encodeURIComponent(given!.visitorId || "")), // headers are bytes
                    "x-prisme-status": (given!.status || "") as string,
                  }),
                  ...(name && { "content-type": "application/json" }),
                },
                body: body as string,
                keepalive: 6e4 > load, // outlives the page; browsers refuse more than 64 KiB or 256 requests at a time
                referrer: "", // the header above has the URL, and proxies log `Referer`
              },
            )
          ).text();
          load -= weight;
        }
      } catch {}
    };

    /** Counts the page if it is another one by now, or is back from the back/forward cache. */
    let turn = (event?: Partial<PageTransitionEvent>) =>
      send(
        /f/.test(tag.manual!) && !frameElement && (path != (path = locate()) || event?.persisted) && "pageviews",
        event?.persisted && options,
      );

    let click = (event: MouseEvent) =>
      (event.composedPath() as HTMLAnchorElement[]).map(
        (link, kind: number | string | false) =>
          /^http/.test(link as never) &&
          ((kind =
            link.matches("[download]") ||
            match(tag.fileDownloads || "pdf,csv,doc*,xls*,ppt*,zip,exe,dmg,mp*", link.pathname)
              ? "file-downloads"
              : link.host != place.host && "outbound-links"),
          // Not every browser sends pings, and with those that do, the click would count twice.
          (link.ping = link.ping.replace(/\S+v1.events\S+/g, "")),
          event.button > 1 || script.matches("[data-" + kind + "=false]") || send(kind as string, 0, link)),
      );

    self.prisme = {
      q: 1,
      pageview: (given) => send("pageviews", given),
      trigger: (name, properties, given) => send("custom/", given, properties, name),
    };

    // Capturing, as pages may stop the propagation.
    addEventListener("click", click, true);
    addEventListener("auxclick", click, true);
    addEventListener("pageshow", turn);
    // No event reports `pushState` in every browser, and replacing it would modify the page.
    setInterval(turn, 50);
    turn();
    (stub?.q as (() => void)[] | undefined)?.map((call) => call());
  }
}
