-- An expression: the source or channel (`what`) of a row of `sessions`, as Python named it; the `default` of an arrival
-- that is not known.
coalesce((
    SELECT known.{what}
    FROM (
        SELECT
            unnest(CAST($known_referrers AS VARCHAR[])) AS referrer, unnest(CAST($known_utm_sources AS VARCHAR[])) AS utm,
            unnest(CAST($known_utm_mediums AS VARCHAR[])) AS medium, unnest(CAST($known_click_ids AS VARCHAR[])) AS click,
            unnest(CAST($known_{what}s AS VARCHAR[])) AS {what}
    ) AS known
    WHERE known.referrer = referrer_domain AND known.utm = utm_source
        AND known.medium = utm_medium AND known.click = click_id
), {default})
