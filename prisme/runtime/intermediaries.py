"""The default of the option `ignored_referrers`."""

from typing import Final

# Payment and log-in pages that send visitors back during a visit, so they are not the source of one.
# Hosts that also have pages of general interest (github.com, www.facebook.com, www.klarna.com) are left out.
INTERMEDIARIES: Final = (
    # payment
    "checkout.stripe.com",
    "buy.stripe.com",
    "hooks.stripe.com",
    "invoice.stripe.com",
    "*.paypal.com",
    "pay.klarna.com",
    "payments.klarna.com",
    "checkout.klarna.com",
    "checkoutshopper-live.adyen.com",
    "checkout.shopify.com",
    "pay.shopify.com",
    "pay.google.com",
    "pay.amazon.com",
    "payments.amazon.com",
    "www.mollie.com",
    "pay.gocardless.com",
    "checkout.paddle.com",
    "buy.paddle.com",
    "checkout.razorpay.com",
    "api.razorpay.com",
    "secure.worldpay.com",
    "secure.payu.com",
    "secure.przelewy24.pl",
    "www.sofort.com",
    "*.cardinalcommerce.com",
    # log-in
    "accounts.google.com",
    "appleid.apple.com",
    "login.microsoftonline.com",
    "login.live.com",
    "login.yahoo.com",
    "login.salesforce.com",
    "accounts.shopify.com",
    "id.twitch.tv",
    "oauth.vk.com",
    "id.vk.com",
    "oauth.yandex.ru",
    "passport.yandex.ru",
    "*.b2clogin.com",
    "*.ciamlogin.com",
    "*.auth0.com",
    "*.okta.com",
    "*.onelogin.com",
    "*.amazoncognito.com",
)
