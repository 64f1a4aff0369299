{{ states_of(ref('spotify_track_keys')) }}
