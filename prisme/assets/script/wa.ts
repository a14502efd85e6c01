/**
 * The tracking script: docs/tracking-script.md says what it does. It must never throw into the page, change what the
 * page does, or hold it up; and it must stay under 1,000 bytes of gzip. Some shapes below are for that alone:
 * - `let` everywhere, as one keyword packs better than two; headers in lower case, as HTTP does not care;
 * - what is wrong or missing throws inside of `send`, which catches it, in place of a check for each;
 * - numbers and URLs stand where the browser makes strings of them (`as never`, `as string`).
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
}

interface Window {
  prisme?: Prisme;
}

interface Document {
  /** Not in TypeScript's library: Chromium alone renders pages ahead. */
  readonly prerendering?: boolean;
}

/** Path below `/api/v1/events/`, page, body, and headers beside the page's. */
type Dispatch = [event: string, page: URL, body?: string, headers?: Record<string, string>];

{
  let script = document.currentScript as HTMLScriptElement;
  // An element with the id `prisme` is `window.prisme` too, but triggers nothing.
  if (!window.prisme?.trigger) {
    // What the tag says, then what `pageview` was told as well.
    let options: Options & DOMStringMap = script.dataset;
    // The script lies at /static/wa.js, below whatever path a reverse proxy puts in front.
    let api = `${options.prismeUrl ?? new URL("..", script.src)}`.replace(/\/?$/, "/api/v1/events/");
    // A frame in a page of the same origin is a part of that page; `frameElement` is null in all others.
    let place = (frameElement ? parent : window).location;
    let page: URL | undefined;
    let path: string | undefined;

    let locate = (options: Options) => {
      let url = new URL(place as never);
      url.hash = "";
      if (options.domain) {
        url.port = ""; // a host without a port would keep the page's
        url.host = options.domain;
      }
      if (options.path) url.pathname = options.path;
      return url;
    };

    /** Turns a function that describes an event into one that sends it, whatever happens. */
    let send =
      <Told extends unknown[]>(describe: (...told: Told) => Dispatch | false | "") =>
      async (...told: Told) => {
        try {
          let [event, url, body, headers] = describe(...told) as Dispatch;
          if (document.prerendering)
            await new Promise((shown) => document.addEventListener("prerenderingchange", shown));
          try {
            if (localStorage["prismeAnalytics.tracking.enable"] == "false") return;
          } catch {} // without storage, nobody can have said no
          if (/^http/.test(url.protocol))
            await fetch(api + event, {
              method: "POST",
              headers: { "x-prisme-referrer": url as never, ...headers },
              body: body!,
              keepalive: true, // outlives the page
              referrerPolicy: "origin", // the header above says enough, and proxies log `Referer`
            });
        } catch {}
      };

    let view = send((given?: Options, from: string = page?.href ?? document.referrer) => {
      // Path and status of the tag are those of the first pageview alone.
      options = { ...options, ...(page && { path: "", status: "" }), ...given } as typeof options;
      page = locate(options);
      return [
        "pageviews",
        page,
        ,
        {
          "x-prisme-document-referrer": from.replace(place.origin + "/", page.origin + "/"),
          "x-prisme-visitor-id": unescape(encodeURIComponent(options.visitorId ?? "")), // headers are bytes
          "x-prisme-status": (options.status ?? "") as string,
        },
      ];
    });

    let turn = () => {
      if (path != (path = place.pathname)) view();
    };

    let click = send((event: MouseEvent) => {
      let link = event.composedPath().find((node) => (node as HTMLAnchorElement).href) as HTMLAnchorElement;
      let kind = link.hasAttribute("download") ? "file-downloads" : link.host != place.host && "outbound-links";
      return (
        kind &&
        event.button < 2 &&
        script.getAttribute("data-" + kind) != "false" &&
        /^http/.test(link.protocol) &&
        // Not every browser sends pings, and those that do would count the click twice.
        ((link.ping = link.ping.replace(/\S+/g, (ping) =>
          new Request(ping).url == new Request(api + kind).url ? "" : ping,
        )),
        [kind, page ?? locate(options), link.href])
      );
    });

    window.prisme = {
      pageview: (given) => view(given), // a router's hook has more arguments than that
      trigger: send((name: string, properties?: object | null, given?: Options) => [
        "custom/" + encodeURIComponent(name),
        given ? locate({ ...options, ...given }) : page ?? locate(options),
        (properties && JSON.stringify(properties))!,
        { "content-type": "application/json" },
      ]),
    };

    // Capturing, as pages may stop what bubbles.
    addEventListener("click", click, true);
    addEventListener("auxclick", click, true);

    if ((options.manual ?? "false") == "false" && !frameElement) {
      (["pushState", "replaceState"] as const).map((name) => {
        let change = history[name];
        history[name] = (...told) => {
          change.apply(history, told);
          turn();
        };
      });
      addEventListener("popstate", turn);
      // Out of the back/forward cache. Without a word on where from, it was another site, and the visit goes on here.
      addEventListener("pageshow", (event) => {
        if (event.persisted) view(options, window.navigation?.activation?.from?.url!);
      });
      turn();
    }
  }
}
