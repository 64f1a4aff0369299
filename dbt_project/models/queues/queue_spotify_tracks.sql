{{ due_keys(ref('spotify_track_states'), ref('stg_spotify_tracks'), 'spotify_track_id') }}
