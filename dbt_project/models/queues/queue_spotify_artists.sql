{{ due_keys(ref('spotify_artist_states'), ref('stg_spotify_artists'), 'spotify_artist_id') }}
