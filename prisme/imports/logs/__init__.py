"""The access logs of web servers, of proxies and of content delivery networks."""
