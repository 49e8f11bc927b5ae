"""The way brainlife.io runs an app: config.json in, results and product.json out, in the current folder."""
