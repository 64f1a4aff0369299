"""A small fake world that speaks TikTok's and Spotify's HTTP on localhost, for the demo and the tests."""
