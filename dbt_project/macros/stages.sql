{#-
    The stages of the cascade, in its order: the name that people type and the label that they read (as in pipelines/stages.py),
    the models that hold a stage's states and queue, and the one that says which creator leads to which key.
-#}
{% macro stages() %}
    {{ return([
        {
            'name': 'spotify-tracks', 'label': 'Spotify Tracks',
            'key': 'spotify_track_id', 'creators': 'creator_tracks',
            'states': 'spotify_track_states', 'queue': 'queue_spotify_tracks',
        },
        {
            'name': 'spotify-artists', 'label': 'Spotify Artists',
            'key': 'spotify_artist_id', 'creators': 'creator_artists',
            'states': 'spotify_artist_states', 'queue': 'queue_spotify_artists',
        },
    ]) }}
{% endmacro %}
