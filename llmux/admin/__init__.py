"""The admin page: what happens now, seen by who runs the gateway. It hears facts and shows them; it decides nothing."""
