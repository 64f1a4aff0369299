{{ states_of(ref('spotify_artist_keys')) }}
