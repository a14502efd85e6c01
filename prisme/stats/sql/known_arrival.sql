-- An expression: the source or channel (`what`) of a row of `sessions`, as Python named it; the `default` where the
-- arrival is not known. The site itself is a referrer only in rows of 0.1.0.
CASE WHEN utm_source = '' AND referrer_domain = split_part(domain, ':', 1) THEN 'Internal' ELSE coalesce((
    SELECT known.{what}
    FROM {table} AS known
    WHERE known.referrer = referrer_domain AND known.utm = utm_source
        AND known.medium = utm_medium AND known.click = click_id
), {default}) END
