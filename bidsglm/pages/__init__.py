"""From finished results on disk to HTML pages, which can so be written again at any time."""
