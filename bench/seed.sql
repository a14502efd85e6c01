-- A year of five sites, the same for the same parameters, whatever the threads: all chance is a hash of a number.
-- Statements before the line of dashes run once, those after it for each slice of hours. Times are in microseconds.

-- The draw `n` of session `i`, from 0 to before 1. (`hash` of two values would only combine them by XOR: draws of one
-- session would depend on each other.)
CREATE TEMP MACRO draw(i, n) AS hash(CAST(i * 1024 + n AS UBIGINT)) / 18446744073709551616.0;

-- The same of a visitor, who is a hash already.
CREATE TEMP MACRO trait(who, n) AS hash((who >> 14) * 1024 + n) / 18446744073709551616.0;

CREATE TEMP MACRO pick(texts, chance) AS texts[1 + CAST(floor(len(texts) * chance) AS INTEGER)];

-- 4,000 pages: the page of rank r is read some 1/r times as often as the first.
CREATE TEMP MACRO rank_of(i, k) AS CAST(floor(pow(4000, draw(i, 100 + k))) AS INTEGER);

CREATE TEMP MACRO path_of(number) AS CASE
    WHEN number = 1 THEN '/'
    WHEN number % 3 = 0 THEN '/docs/chapter-' || number % 40 || '/how-to-do-things-' || number
    WHEN number % 3 = 1 THEN '/blog/2026/a-story-of-some-length-' || number || '/'
    ELSE '/products/' || number
END;

CREATE TEMP MACRO status_of(number) AS CASE WHEN number % 67 = 66 THEN 404 ELSE 200 END;

-- As RFC 9562 has version 7, and as Prisme makes them: milliseconds, their 4096ths, noise.
CREATE TEMP MACRO uuid_of(start, noise) AS CAST(printf(
    '%08x-%04x-7%03x-%04x-%012x',
    (start // 1000) >> 16, (start // 1000) & 65535, start % 1000 * 4096 // 1000,
    32768 + (noise & 16383), (noise >> 16) & 281474976710655
) AS UUID);

-- How many sessions begin in each hour of the year: more by day than by night, fewer on weekends, growing slowly.
CREATE TEMP TABLE hour AS
WITH weight AS (
    SELECT
        number,
        $end - (8760 - number) * 3600000000 AS begins,
        [2, 1, 1, 1, 1, 2, 4, 6, 9, 11, 12, 12, 11, 12, 12, 12, 11, 10, 10, 10, 10, 9, 6, 4]
            [1 + hour(make_timestamp(begins))]
            * (CASE WHEN isodow(make_timestamp(begins)) > 5 THEN 0.6 ELSE 1 END)
            * (1 + number / 17520) AS weight
    FROM range(8760) AS hours (number)
),
up_to AS (
    SELECT number, begins, round($sessions * sum(weight) OVER (ORDER BY number) / sum(weight) OVER ()) AS last FROM weight
)
SELECT number, begins, CAST(coalesce(lag(last) OVER (ORDER BY number), 0) AS BIGINT) AS first, CAST(last AS BIGINT) AS last
FROM up_to;

--------

-- Of 20 sessions, one is of a visitor whom the site names, and who has some 12 in the year. The others are anonymous:
-- an id of the day, that a fifth of the sessions shares with an earlier one.
CREATE OR REPLACE TEMP TABLE visit AS
WITH begun AS (
    SELECT
        hour.first + unnest(range(hour.last - hour.first)) AS i,
        begins + CAST(draw(i, 1) * 3599000000 AS BIGINT) AS start,
        draw(i, 2) < 0.05 AS named
    FROM hour WHERE number >= $first_hour AND number < $last_hour
),
met AS (
    SELECT
        *,
        CASE
            WHEN named THEN CAST(floor(draw(i, 3) * greatest($sessions / 240, 1)) AS UBIGINT)
            ELSE (start // 86400000000 << 32) + CAST(floor(draw(i, 3) * greatest($sessions / 146, 1)) AS BIGINT)
        END AS number,
        hash(CAST(number AS UBIGINT)) AS who,
        CASE WHEN draw(i, 4) < 0.45 THEN 1 ELSE least(2 + floor(-ln(1 - draw(i, 5)) * 3.71), 60) END AS views,
        pick(
            ['Windows', 'Windows', 'Windows', 'Windows', 'Android', 'Android', 'Android', 'iOS', 'iOS', 'iOS',
            'macOS', 'macOS', 'Linux', 'Ubuntu', 'Chrome OS'], trait(who, 1)
        ) AS system
    FROM begun
)
SELECT
    i,
    start,
    CAST(views AS INTEGER) AS views,
    -- Nothing happens after the end.
    least(CAST(10000000 + draw(i, 6) * 80000000 AS BIGINT), ($end - 1000 - start) // CAST(views AS BIGINT)) AS step,
    uuid_of(start, CAST(hash(CAST(i * 1024 AS UBIGINT)) >> 1 AS BIGINT)) AS session_uuid,
    CASE WHEN named THEN 'reader-' || number ELSE printf('prisme_%016X', who) END AS visitor_id,
    CASE
        WHEN trait(who, 2) < 0.50 THEN 'example.com'
        WHEN trait(who, 2) < 0.75 THEN 'shop.example.com'
        WHEN trait(who, 2) < 0.90 THEN 'docs.example.com'
        WHEN trait(who, 2) < 0.97 THEN 'example.org'
        ELSE 'example.net'
    END AS domain,
    system AS operating_system,
    CASE system
        WHEN 'iOS' THEN pick(['Mobile Safari', 'Mobile Safari', 'Mobile Safari', 'Chrome Mobile iOS'], trait(who, 3))
        WHEN 'Android' THEN pick(['Chrome Mobile', 'Chrome Mobile', 'Samsung Internet', 'Firefox Mobile'], trait(who, 3))
        ELSE pick(['Chrome', 'Chrome', 'Chrome', 'Edge', 'Firefox', 'Firefox', 'Safari', 'Opera'], trait(who, 3))
    END AS browser_family,
    CASE system
        WHEN 'iOS' THEN pick(['iPhone', 'iPhone', 'iPhone', 'iPad'], trait(who, 4))
        WHEN 'macOS' THEN 'Mac'
        WHEN 'Android' THEN 'Model ' || CAST(floor(80 * trait(who, 4) * trait(who, 5)) AS INTEGER)
        ELSE 'Other'
    END AS device,
    pick(
        ['US', 'DE', 'GB', 'FR', 'IN', 'NL', 'CA', 'ES', 'IT', 'PL', 'BR', 'AU', 'JP', 'SE', 'CH', 'AT', 'BE', 'DK',
        'NO', 'FI', 'CZ', 'PT', 'IE', 'RO', 'UA', 'TR', 'MX', 'AR', 'ZA', 'SG', 'KR', 'TW', 'NZ', 'GR', 'HU', 'IL',
        'ID', 'PH', 'VN', 'XX'], pow(trait(who, 6), 2.5)
    ) AS country_code,
    CASE
        WHEN draw(i, 7) < 0.45 THEN 'direct'
        ELSE 'site-' || CAST(floor(150 * pow(draw(i, 8), 3)) AS INTEGER) || '.example.net'
    END AS referrer_domain,
    draw(i, 9) < 0.1 AS campaign,
    CASE WHEN draw(i, 26) < 0.12 THEN 1 + CAST(floor(3 * draw(i, 21)) AS INTEGER) ELSE 0 END AS customs,
    CAST(draw(i, 22) < 0.03 AS INTEGER) AS downloads,
    CAST(draw(i, 24) < 0.05 AS INTEGER) AS clicks
FROM met;

INSERT INTO sessions BY NAME
SELECT
    domain,
    make_timestamp(start) AS entry_timestamp,
    path_of(rank_of(i, 0)) AS entry_path,
    make_timestamp(start + greatest(
        (views - 1) * step, (2 * customs - 1) * step // 6, CASE WHEN downloads + clicks > 0 THEN step // 2 ELSE 0 END
    )) AS exit_timestamp,
    path_of(rank_of(i, views - 1)) AS exit_path,
    status_of(rank_of(i, views - 1)) AS exit_status,
    visitor_id, session_uuid, operating_system, browser_family, device,
    CASE WHEN device = 'iPad' THEN 'tablet' WHEN operating_system IN ('iOS', 'Android') THEN 'mobile' ELSE 'desktop' END
        AS device_type,
    referrer_domain, country_code, '' AS region, '' AS city,
    CASE WHEN campaign THEN pick(['newsletter', 'google', 'bing', 'mastodon', 'partner'], draw(i, 10)) ELSE '' END
        AS utm_source,
    CASE WHEN campaign THEN pick(['email', 'cpc', 'social'], draw(i, 11)) ELSE '' END AS utm_medium,
    CASE WHEN campaign THEN 'campaign-' || CAST(floor(30 * draw(i, 12)) AS INTEGER) ELSE '' END AS utm_campaign,
    CASE WHEN campaign AND draw(i, 13) < 0.3 THEN 'term-' || CAST(floor(50 * draw(i, 14)) AS INTEGER) ELSE '' END
        AS utm_term,
    CASE WHEN campaign AND draw(i, 15) < 0.3 THEN pick(['banner', 'text', 'video'], draw(i, 16)) ELSE '' END
        AS utm_content,
    CASE WHEN campaign AND draw(i, 26) < 0.1 THEN 'gclid' ELSE '' END AS click_id,
    views AS pageviews,
    customs + downloads + clicks AS events
FROM visit
ORDER BY start;

INSERT INTO pageviews BY NAME
SELECT
    make_timestamp(start + k * step) AS "timestamp", domain, path_of(rank_of(i, k)) AS path, visitor_id, session_uuid,
    status_of(rank_of(i, k)) AS status
FROM (SELECT *, unnest(range(views)) AS k FROM visit)
ORDER BY "timestamp";

INSERT INTO events_custom BY NAME
SELECT
    make_timestamp(start + (2 * k + 1) * step // 6) AS "timestamp", domain, path_of(rank_of(i, 0)) AS path, visitor_id,
    session_uuid,
    pick(['sign_up', 'search', 'search', 'video_play', 'video_play', 'add_to_cart', 'newsletter', 'share'],
        draw(i, 30 + k)) AS name,
    printf('{"plan":"%s","seats":%d,"place":"%s"}', pick(['free', 'team', 'pro'], draw(i, 40 + k)),
        CAST(floor(20 * draw(i, 50 + k)) AS INTEGER), pick(['header', 'footer', 'page'], draw(i, 60 + k))) AS properties
FROM (SELECT *, unnest(range(customs)) AS k FROM visit)
ORDER BY "timestamp";

INSERT INTO file_downloads BY NAME
SELECT
    make_timestamp(start + step // 2) AS "timestamp", domain, path_of(rank_of(i, 0)) AS path, visitor_id, session_uuid,
    'https://' || domain || '/files/paper-' || CAST(floor(60 * draw(i, 23)) AS INTEGER) || '.pdf' AS url
FROM visit WHERE downloads > 0 ORDER BY "timestamp";

INSERT INTO outbound_link_clicks BY NAME
SELECT
    make_timestamp(start + step // 2) AS "timestamp", domain, path_of(rank_of(i, 0)) AS path, visitor_id, session_uuid,
    'https://site-' || CAST(floor(300 * pow(draw(i, 25), 2)) AS INTEGER) || '.example.net/page' AS link
FROM visit WHERE clicks > 0 ORDER BY "timestamp";

DROP TABLE visit;
