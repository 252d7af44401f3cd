"""One exchange: choose, try, fail over."""
