"""The world that the sandbox serves: creators, their videos, the sounds in them and the tracks that Spotify knows.

Titles and artists are real; ids and ISRCs are well-formed, and many are the real ones. Everything else is invented.
"""

import base64
import hashlib
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret-canary"  # noqa: S105
# stands where TikTok puts the live JWT of its own Apple Music account
DEVELOPER_TOKEN = "canary-apple-developer-token"  # noqa: S105

# well-formed ids that Spotify does not know, and one that cannot be a Spotify id
DEAD_SPOTIFY_IDS = ("0000000000000000000000", "7zDeadTrackDeadTrack77")
MALFORMED_SPOTIFY_ID = "notaspotifyid"

Precision = Literal["year", "month", "day"]
# how TikTok writes a sound's links to Spotify and Apple Music (`tt2dsp`)
Links = Literal["absent", "empty", "empty_list", "apple_first", "spotify_first", "capitals"]
# what the profile page answers
Status = Literal["public", "private", "banned", "members_only", "challenge", "login_wall", "shell"]
# what the listing of a creator's videos answers
Listing = Literal["whole", "empty_body", "same_page", "refused_after_first"]


@dataclass
class Track:
    """A track on Spotify. `artists` are (22-character id, name), `isrc` is spelt as Spotify answers it or None."""

    id: str
    title: str
    artists: list[tuple[str, str]]
    album: str
    isrc: str | None
    release_date: str
    precision: Precision
    duration_ms: int
    popularity: int


@dataclass(frozen=True)
class Sound:
    """TikTok's `music` object; `copyrighted` None leaves the flag out of it, `duration` is in seconds."""

    id: str
    title: str
    author: str
    original: bool = False
    copyrighted: bool | None = True
    spotify_id: str | None = None
    apple_id: str | None = None
    links: Links = "empty"
    album: str | None = None
    duration: int = 60


@dataclass
class Video:
    """One post. `id` has 19 digits, `created` is in unix seconds; without a sound its music object is empty.

    A post with `images` (their number) is a photo post.
    """

    id: str
    created: int
    description: str
    plays: int
    likes: int
    comments: int
    shares: int
    collects: int
    sound: Sound | None
    pinned: bool = False
    images: int = 0


@dataclass
class Creator:
    """An account. `handle` is spelt as TikTok spells it (`uniqueId`), `created` is in unix seconds."""

    handle: str
    nickname: str
    followers: int
    videos: list[Video] = field(default_factory=list)
    status: Status = "public"
    listing: Listing = "whole"
    created: int = 1_640_995_200

    @property
    def sec_uid(self) -> str:
        """`MS4wLjABAAAA` and 64 characters of `[A-Za-z0-9_-]`, always the same for a handle."""
        digest = hashlib.sha512(self.handle.encode()).digest()
        return "MS4wLjABAAAA" + base64.urlsafe_b64encode(digest[:48]).decode()

    @property
    def user_id(self) -> str:
        """19 digits, always the same for a handle."""
        return _digits(self.handle, 19)

    @property
    def spotify_ids(self) -> set[str]:
        """Every distinct Spotify id in the creator's videos, dead and malformed ones among them."""
        return {v.sound.spotify_id for v in self.videos if v.sound and v.sound.spotify_id}


@dataclass
class Artist:
    """An artist on Spotify; `followers` is a number of people, `popularity` is 0 to 100."""

    id: str
    name: str
    genres: tuple[str, ...]
    popularity: int
    followers: int


@dataclass
class World:
    """Everything the sandbox knows, to be changed between two visits.

    Attributes:
        creators: by handle as TikTok spells it.
        tracks: by Spotify id.
        artists: by Spotify id; one that is credited on a track is not among them.
        spotify_may_batch: False refuses `?ids=`, as for an app in development mode.
        spotify_has_premium: False refuses every request, as for an app whose owner has no Premium.
        latency_seconds: how long every answer waits.
    """

    creators: dict[str, Creator]
    tracks: dict[str, Track]
    artists: dict[str, Artist]
    spotify_may_batch: bool = True
    spotify_has_premium: bool = True
    latency_seconds: float = 0.0
    tokens_issued: int = 0
    tokens_expired: int = 0

    def creator(self, handle: str) -> Creator | None:
        """The creator with this handle in whatever case, or None."""
        return next((c for c in self.creators.values() if c.handle.lower() == handle.lower()), None)

    def creator_of(self, sec_uid: str) -> Creator | None:
        """The creator with this secUid, or None."""
        return next((c for c in self.creators.values() if c.sec_uid == sec_uid), None)

    def post(self, handle: str, sound: Sound | None, description: str = "new", plays: int = 1000) -> Video:
        """Let a creator post one more video, a day after the newest one."""
        creator = self.creators[handle]
        created = max((v.created for v in creator.videos), default=creator.created) + 24 * 3600
        video = new_video(handle, created, description, plays, sound)
        creator.videos.append(video)
        return video

    def issue_token(self) -> str:
        """A new access token, which counts up: `sandbox-token-1`, `sandbox-token-2` ..."""
        self.tokens_issued += 1
        return f"sandbox-token-{self.tokens_issued}"

    def expire_tokens(self) -> None:
        """Refuse every token issued so far."""
        self.tokens_expired = self.tokens_issued

    def accepts(self, token: str) -> bool:
        """Whether this token was issued and has not expired."""
        number = token.removeprefix("sandbox-token-")
        return number.isdigit() and self.tokens_expired < int(number) <= self.tokens_issued


def new_video(
    handle: str,
    created: int,
    description: str,
    plays: int,
    sound: Sound | None,
    *,
    pinned: bool = False,
    images: int = 0,
) -> Video:
    """A video whose id says when it was created, as TikTok's do, and whose other counts follow from `plays`."""
    low_bits = int(_digits(f"{handle} {created}", 9))
    return Video(
        id=str((created << 32) + low_bits),
        created=created,
        description=description,
        plays=plays,
        likes=plays // (7 + low_bits % 11),
        comments=plays // (230 + low_bits % 97),
        shares=plays // (310 + low_bits % 89),
        collects=plays // (52 + low_bits % 31),
        sound=sound,
        pinned=pinned,
        images=images,
    )


def base62(text: str) -> str:
    """22 letters and digits in the shape of a Spotify id, always the same for a text."""
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    return "".join(alphabet[byte % 62] for byte in hashlib.sha512(text.encode()).digest()[:22])


def _digits(text: str, count: int) -> str:
    """A number of `count` digits, always the same for a text."""
    number = int.from_bytes(hashlib.sha512(text.encode()).digest()[:16])
    smallest = 10 ** (count - 1)
    return str(smallest + number % smallest)


_ARTISTS = {
    "a-ha": "2jzc5TC5TVFLXQlBNiIUzE",
    "Adriano Celentano": "4mi2JpqGqHBuKBGyWp3gnG",
    "Beach House": "56ZTgzPBDge0OvCGgMO3OY",
    "Billie Eilish": "6qqNVTkY8uBg9cP3Jd7DAH",
    "Billy Ray Cyrus": "60rpJ9SgigSd16DOAG7GSa",
    "Bradley Cooper": "4VIvfOurcf0vuLRxLkGnIG",
    "Bruno Mars": "0du5cEVh5yTK9QJze8zA0C",
    "BTS": "3Nrfpe0tUJi4K4DXYWgMUX",
    "Claude Debussy": "1Uff91EOsvd99rtAupatMP",
    "DaBaby": "4r63FhuTkUYltbVAg5TQnk",
    "Daddy Yankee": "4VMYDCV2IEDYJArk749S6m",
    "Dean Martin": "49e4v89VmlDcFCMyDv9wQ9",
    "Dua Lipa": "6M2wZ9GZgrQXHCFfjv46we",
    "Eagles": "0ECwFtbIWEVNwjlrfc6xoL",
    "Ed Sheeran": "6eUKZXaKkcviH0Ku9w2n3V",
    "Fairuz": "1CRvYlGiZKWbHSBJrCUk2E",
    "Fleetwood Mac": "08GQAI4eElDnROBrJRGE0X",
    "Glass Animals": "4yvcSjfu4PC0CYQyLy4wSq",
    "Gotye": "2AsusXITU8P25dlRNhcAbG",
    "Harry Styles": "6KImCVD70vtIoJWnq6nGn3",
    "Indila": "7ICvvWP2TCGLVfG4ODbxqK",
    "Justin Bieber": "1uNFoZAHBGtllmzznpCI3s",
    "Kate Bush": "1aSxMhuvixZ8h9dK9jIDwL",
    "Kimbra": "6hk7Yq1DU9QcCCrz9uc0Ti",
    "Lady Gaga": "1HY2Jd0NmPuamShAr6KMms",
    "Lil Nas X": "7jVv8c5Fj3E9VhNjxT4snq",
    "Luis Fonsi": "4V8Sr092TqfHkfAA5fXXqG",
    "Mahmood": "4Xv3CAS0zMvxJSTJ4cWJyc",
    "Mark Ronson": "3hv9jJF3adDNsBSIQDqcjp",
    "Michael Jackson": "3fMbdgg4jU18AjLCKBhRSm",
    "Måneskin": "0lAWpj5szCSwM4rUMHYmrr",
    "Nirvana": "6olE6TJLqED3rqDCT0FyPh",
    "Oasis": "2DaxqgrOhkeH0fpeiQq2f4",
    "Olivia Rodrigo": "1McMsnEElThX1knmY4oliG",
    "Prāta Vētra": "1m8eGTv7dkKDjR1nF6tRYh",
    "PSY": "2dd5mrQZvg6SmahdgVKDzh",
    "Queen": "1dfeR4HaWDbWqFHLkxsg1d",
    "Ricchi E Poveri": "2qUgsm3GdpGxzx4tTJPqVc",
    "Rick Astley": "0gxyHStUsqpMadRV0Di1Qt",
    "ROSALÍA": "7ltDVBr6mKbRvohxheJ9h1",
    "Stromae": "5j4HeCoUlzhfWtjAfM1acR",
    "Taylor Swift": "06HL4z0CvFAxyc27GXpf02",
    "The Kid LAROI": "2tIP7SsRs7vjIcLrU85W8J",
    "The Killers": "0C0XlULifJtAgn6ZNCW2eu",
    "The Neighbourhood": "77SW9BnxLY8rJ0RciFqkHh",
    "The Weeknd": "1Xyo4u8uXC1ZmMpatF05PJ",
    "Tom Odell": "2txHhyCwHjUEpJjWrEyqyX",
    "Tones And I": "2NjfBq1NflQcKSeiDooVjY",
    "Vance Joy": "10exVja0key0uqUkk6LJRT",
    "YOASOBI": "64tJ2EAv1R6UaZqc4iOCyj",
    "Кино": "4mJ2HnQVfDCqS9DnNkVQuV",
}


# withdrawn from Spotify, as the credit of a track may outlive its artist's page
_WITHDRAWN = "Bradley Cooper"
_GENRES = {
    "Måneskin": ("italian rock",),
    "Nirvana": ("grunge", "rock"),
    "Queen": ("classic rock", "glam rock"),
    "The Weeknd": ("r&b",),
    "YOASOBI": ("j-pop", "anime"),
    "Кино": ("post-punk",),
}


def _artists() -> list[Artist]:
    return [
        Artist(artist_id, name, _GENRES.get(name, ()), 40 + int(_digits(name, 3)) % 60, int(_digits(artist_id, 7)))
        for name, artist_id in _ARTISTS.items()
        if name != _WITHDRAWN
    ]


def _track(
    spotify_id: str,
    title: str,
    artists: Sequence[str],
    album: str,
    isrc: str | None,
    released: str,
    duration_ms: int,
    popularity: int,
) -> Track:
    precision: Precision = "day" if len(released) == 10 else "month" if len(released) == 7 else "year"
    named = [(_ARTISTS[name], name) for name in artists]
    return Track(spotify_id, title, named, album, isrc, released, precision, duration_ms, popularity)


_TRACKS = {
    "never gonna": _track(
        "4cOdK2wGLETKBW3PvgPWqT", "Never Gonna Give You Up", ["Rick Astley"],
        "Whenever You Need Somebody", "GBARL9300135", "1987-11-12", 213_573, 80,
    ),
    "bohemian": _track(
        "7tFiyTwD0nx5a1eklYtX2J", "Bohemian Rhapsody - Remastered 2011", ["Queen"],
        "A Night At The Opera (Deluxe Remastered Version)", "GBUM71029604", "1975-11-21", 354_320, 82,
    ),
    "brightside": _track(
        "3n3Ppam7vgaVa1iaRUc9Lp", "Mr. Brightside", ["The Killers"],
        "Hot Fuss", "USIR20400274", "2004-06-15", 222_075, 85,
    ),
    "blinding": _track(
        "0VjIjW4GlUZAMYd2vXMi3b", "Blinding Lights", ["The Weeknd"],
        "After Hours", "USUG11904206", "2020-03-20", 200_040, 90,
    ),
    "save your tears": _track(
        "5QO79kh1waicV47BqGRL3g", "Save Your Tears", ["The Weeknd"],
        "After Hours", "USUG12000658", "2020-03-20", 215_626, 84,
    ),
    "shape": _track(
        "7qiZfU4dY1lWllzX7mPBI3", "Shape of You", ["Ed Sheeran"],
        "÷ (Deluxe)", "GBAHS1600463", "2017-03-03", 233_712, 87,
    ),
    "beggin": _track(
        "3Wrjm47oTz2sjIgck11l5e", "Beggin'", ["Måneskin"],
        "Chosen", "ITB001700846", "2017-12-08", 211_560, 78,
    ),
    "soldi": _track(
        "2i4pZQ8VDuR4xkSRHq3wMe", "Soldi", ["Mahmood"],
        "Gioventù bruciata", "ITUM71801283", "2019-02-22", 195_973, 66,
    ),
    "tuta gold": _track(
        "5CbCMvkTaRDnXzNHbvhPZr", "TUTA GOLD", ["Mahmood"],
        "NEI LETTI DEGLI ALTRI", "ITUM72400038", "2024-02-16", 197_631, 71,
    ),
    # one recording under two track ids
    "levitating": _track(
        "463CkQjx2Zk1yXoBuierM9", "Levitating (feat. DaBaby)", ["Dua Lipa", "DaBaby"],
        "Levitating (feat. DaBaby)", "GBAHT2000942", "2020-10-01", 203_064, 72,
    ),
    "levitating on album": _track(
        "5nujrmhLynf4yMoMtj8AQF", "Levitating (feat. DaBaby)", ["Dua Lipa", "DaBaby"],
        "Future Nostalgia", "GBAHT2000942", "2020-03-27", 203_064, 81,
    ),
    "bad guy": _track(
        "2Fxmhks0bxGSBdJ92vM42m", "bad guy", ["Billie Eilish"],
        "WHEN WE ALL FALL ASLEEP, WHERE DO WE GO?", "USUM71900764", "2019-03-29", 194_087, 83,
    ),
    "yoru ni kakeru": _track(
        "3dPtXHP0oXQ4HCWHsOA9js", "夜に駆ける", ["YOASOBI"],
        "THE BOOK", "JPP301900797", "2021-01-06", 261_013, 77,
    ),
    # Spotify answers some ISRCs in lower case and some with hyphens
    "alors on danse": _track(
        "4pRAeYGkXvWKw0wrhV1YKY", "Alors on danse - Radio Edit", ["Stromae"],
        "Cheese", "bevm20900132", "2010-01-01", 206_066, 76,
    ),
    "take on me": _track(
        "2WfaOiMkCvy7F5fcp2zZ8L", "Take on Me", ["a-ha"],
        "Hunting High and Low", "US-WB1-99-02945", "1985-06-01", 225_280, 86,
    ),
    "clair de lune": _track(
        "6kf7ZCJjEbjZXikivKOsJJ", "Suite bergamasque, L. 75: III. Clair de lune", ["Claude Debussy"],
        "Debussy: Suite bergamasque", None, "2001", 310_240, 58,
    ),
    "azzurro": _track(
        "1kXgPQZ6zWdTnPVvJQqhZM", "Azzurro", ["Adriano Celentano"],
        "Azzurro / Una carezza in un pugno", "ITC096800018", "1968", 221_400, 62,
    ),
    "sara perche": _track(
        "0aEZ2s0vVXJXdZ0dqTzBmn", "Sarà perché ti amo", ["Ricchi E Poveri"],
        "E penso a te", "ITA018100231", "1981-02", 190_306, 74,
    ),
    "thats amore": _track(
        "5qbpHUqqwQVnEWUKOxoMB4", "That's Amore", ["Dean Martin"],
        "Dean Martin Sings", "USCA29600429", "1953", 187_333, 65,
    ),
    "dance monkey": _track(
        "2XU0oxnq2qxCpomAAuJY8K", "Dance Monkey", ["Tones And I"],
        "The Kids Are Coming", "QZES71982312", "2019-08-29", 209_438, 75,
    ),
    "as it was": _track(
        "4LRPiXqCikLlN15c3yImP7", "As It Was", ["Harry Styles"],
        "As It Was", "USSM12200612", "2022-03-31", 167_303, 89,
    ),
    "watermelon": _track(
        "6UelLqGlWMcVH1E5c4H7lY", "Watermelon Sugar", ["Harry Styles"],
        "Fine Line", "USSM11912587", "2019-12-13", 174_000, 84,
    ),
    "heat waves": _track(
        "02MWAaffLxlfxAUY7c5dvx", "Heat Waves", ["Glass Animals"],
        "Dreamland (+ Bonus Levels)", "GBUM72000433", "2020-08-06", 238_805, 83,
    ),
    "running up": _track(
        "75FEaRjZTKLhTrFGsfMUXR", "Running Up That Hill (A Deal With God)", ["Kate Bush"],
        "Hounds Of Love", "GBCNR8500005", "1985-09-16", 298_933, 80,
    ),
    "dreams": _track(
        "0ofHAoxe9vBkTCp2UQIavz", "Dreams - 2004 Remaster", ["Fleetwood Mac"],
        "Rumours (Super Deluxe)", "USWB10400049", "1977-02-04", 257_800, 85,
    ),
    "teen spirit": _track(
        "4CeeEOM32jQcH3eN9Q2dGj", "Smells Like Teen Spirit", ["Nirvana"],
        "Nevermind (Remastered)", "USGF19942501", "1991-09-26", 301_920, 79,
    ),
    "billie jean": _track(
        "5ChkMS8OtdzJeqyybCc9R5", "Billie Jean", ["Michael Jackson"],
        "Thriller 25 Super Deluxe Edition", "USSM19902991", "1982-11-30", 293_826, 84,
    ),
    "wonderwall": _track(
        "7ygpwy2qP3NbrxVkHvUhXY", "Wonderwall - Remastered", ["Oasis"],
        "(What's The Story) Morning Glory? (Deluxe Remastered Edition)", "GBQCP1400095", "1995-10-02", 258_773, 76,
    ),
    "hotel california": _track(
        "40riOy7x9W7GXjyGp4pjAv", "Hotel California - 2013 Remaster", ["Eagles"],
        "Hotel California (2013 Remaster)", "USEE11300353", "1976-12-08", 391_376, 83,
    ),
    "somebody": _track(
        "4wCmqSrbyCgxEXROQE6vtV", "Somebody That I Used To Know", ["Gotye", "Kimbra"],
        "Making Mirrors", "AUZS21100040", "2011-08-19", 244_884, 78,
    ),
    "uptown funk": _track(
        "32OlwWuMpZ6b0aN2RZOeMS", "Uptown Funk (feat. Bruno Mars)", ["Mark Ronson", "Bruno Mars"],
        "Uptown Special", "GBARL1401524", "2015-01-12", 269_666, 81,
    ),
    "despacito": _track(
        "6habFhsOp2NvshLv26DqMb", "Despacito", ["Luis Fonsi", "Daddy Yankee"],
        "VIDA", "USUM71607007", "2019-02-01", 229_360, 79,
    ),
    "old town road": _track(
        "2YpeDb67231RjR0MgVLzsG", "Old Town Road - Remix", ["Lil Nas X", "Billy Ray Cyrus"],
        "7 EP", "USSM11904914", "2019-06-21", 157_066, 77,
    ),
    "drivers license": _track(
        "5wANPM4fQCJwkGd4rN57mH", "drivers license", ["Olivia Rodrigo"],
        "SOUR", "USUG12004749", "2021-05-21", 242_013, 80,
    ),
    "stay": _track(
        "5PjdY0CKGZdEuoNab3yDmX", "STAY (with Justin Bieber)", ["The Kid LAROI", "Justin Bieber"],
        "F*CK LOVE 3: OVER YOU", "USSM12103949", "2021-07-23", 141_805, 86,
    ),
    "anti-hero": _track(
        "0V3wPSX9ygBnCm8psDIegu", "Anti-Hero", ["Taylor Swift"],
        "Midnights", "USUG12205736", "2022-10-21", 200_690, 82,
    ),
    "cruel summer": _track(
        "1BxfuPKGuaTgP7aM0Bbdwr", "Cruel Summer", ["Taylor Swift"],
        "Lover", "USUG11901473", "2019-08-23", 178_426, 88,
    ),
    "shallow": _track(
        "2VxeLyX666F8uXCJ0dZF8B", "Shallow", ["Lady Gaga", "Bradley Cooper"],
        "A Star Is Born Soundtrack", "USUM71813192", "2018-10-05", 215_733, 79,
    ),
    "derniere danse": _track(
        "4R2kfaDFhslZEMJqAFNpdd", "Dernière danse", ["Indila"],
        "Mini World", "FRUM71301044", "2014-02-24", 213_386, 76,
    ),
    "despecha": _track(
        "5ildQOEKmJuWGl2vRkFdYc", "DESPECHÁ", ["ROSALÍA"],
        "DESPECHÁ", "USSM12205483", "2022-07-28", 157_017, 73,
    ),
    "space song": _track(
        "7H0ya83CMmgFcOhw0UB6ow", "Space Song", ["Beach House"],
        "Depression Cherry", "USSUB1512303", "2015-08-28", 320_466, 82,
    ),
    "sweater weather": _track(
        "2QjOHCTQ1Jl3zawyYOpxh6", "Sweater Weather", ["The Neighbourhood"],
        "I Love You.", "USSM11300080", "2013-04-19", 240_400, 90,
    ),
    "another love": _track(
        "3JvKfv6T31zO0ini8iNItO", "Another Love", ["Tom Odell"],
        "Long Way Down (Deluxe)", "GBARL1201271", "2013-06-24", 244_360, 87,
    ),
    "riptide": _track(
        "3JvrhDOgAt6p7K8mDyZwRd", "Riptide", ["Vance Joy"],
        "Dream Your Life Away (Special Edition)", "AUIYA1300011", "2014-09-05", 204_280, 81,
    ),
    "dynamite": _track(
        "5QDLhrAOJJdNAmCTJ8xMyW", "Dynamite", ["BTS"],
        "Dynamite (DayTime Version)", "QM7282022872", "2020-08-28", 199_053, 76,
    ),
    "gangnam style": _track(
        "03UrZgTINDqvnUMbbIMhql", "강남스타일(Gangnam Style)", ["PSY"],
        "Gangnam Style (강남스타일)", "USUM71210283", "2012-01-01", 219_493, 70,
    ),
    "gruppa krovi": _track(
        "1kPv3Ub3rcDEJZcXSTmHnS", "Группа крови", ["Кино"],
        "Группа крови", "RUA1H1200345", "1988-01-05", 285_480, 61,
    ),
    "nassam alayna": _track(
        "6dHqEKyJXGdS1dNYmWzJtX", "نسم علينا الهوا", ["Fairuz"],
        "Bint El Hares", "LBA016800117", "1968", 243_026, 52,
    ),
    "manis dziesmas": _track(
        "3sJv7yTq0LwKx1mPzYtRaE", "Welcome to My Country", ["Prāta Vētra"],
        "Četri krasti", "LVB150500021", "2005-05-27", 218_840, 38,
    ),
}  # fmt: skip


def _song(name: str, links: Links = "apple_first", *, apple: bool = True) -> Sound:
    """The licensed sound of a track in the world."""
    track = _TRACKS[name]
    return Sound(
        id=_digits(name, 19),
        title=track.title,
        author=track.artists[0][1],
        spotify_id=track.id,
        apple_id=_digits(track.id, 10) if apple else None,
        links=links,
        album=track.album,
    )


def _own(
    author: str,
    links: Links = "empty",
    *,
    copyrighted: bool | None = False,
    song: str | None = None,
    title: str = "original sound",
) -> Sound:
    """A creator's own sound; `song` is the name of the track that TikTok heard in it."""
    spotify_id = _TRACKS[song].id if song else None
    return Sound(
        id=_digits(f"{author} {links} {copyrighted} {song}", 19),
        title=f"{title} - {author}",
        author=author,
        original=True,
        copyrighted=copyrighted,
        spotify_id=spotify_id,
        apple_id=_digits(spotify_id, 10) if spotify_id else None,
        links="apple_first" if song else links,
        duration=23,
    )


# by name; every track has a sound of its own name
SOUNDS: dict[str, Sound] = {name: _song(name) for name in _TRACKS} | {
    "dance monkey": _song("dance monkey", "spotify_first"),
    "teen spirit": _song("teen spirit", "spotify_first"),
    "space song": _song("space song", apple=False),
    "gruppa krovi": _song("gruppa krovi", apple=False),
    "take on me": _song("take on me", "capitals"),
    "sweater weather": _song("sweater weather", "capitals"),
    "gio": _own("Gio Scotti", title="suono originale"),
    "gio, no links": _own("Gio Scotti", "absent", title="suono originale"),
    "gio, empty links": _own("Gio Scotti", "empty_list", title="suono originale"),
    "gio, flagged": _own("Gio Scotti", copyrighted=True, title="suono originale"),
    "gio, no flag": _own("Gio Scotti", "absent", copyrighted=None, title="suono originale"),
    "gio plays brightside": _own("Gio Scotti", song="brightside", title="suono originale"),
    "gio plays heat waves": _own("Gio Scotti", song="heat waves", title="suono originale"),
    "ida": _own("Ida Zeile", title="oriģinālā skaņa"),
    "ida, no links": _own("Ida Zeile", "absent", title="oriģinālā skaņa"),
    "ida plays brightside": _own("Ida Zeile", song="brightside", title="oriģinālā skaņa"),
    "library": Sound(_digits("library", 19), "Monkeys Spinning Monkeys", "Kevin MacLeod", links="empty"),
    "apple only": Sound(
        _digits("apple only", 19), "Volare (Nel blu dipinto di blu)", "Domenico Modugno",
        apple_id="1443855681", links="apple_first",
    ),
    "withdrawn": Sound(
        _digits("withdrawn", 19), "Mambo Italiano", "Rosemary Clooney",
        spotify_id=DEAD_SPOTIFY_IDS[0], apple_id="158719063", links="apple_first",
    ),
    "regional": Sound(
        _digits("regional", 19), "Tu vuò fà l'americano", "Renato Carosone",
        spotify_id=DEAD_SPOTIFY_IDS[1], links="spotify_first",
    ),
    "broken link": Sound(
        _digits("broken link", 19), "Caruso", "Lucio Dalla",
        spotify_id=MALFORMED_SPOTIFY_ID, apple_id="255991760", links="apple_first",
    ),
}  # fmt: skip

# created (UTC), plays, sound, description; newest first
_GIO = (
    ("2026-06-02 18:04:11", 18_402, "tuta gold", "tuta gold ma al pianoforte della stazione 🎹"),
    ("2026-05-30 17:31:02", 9_871, "gio", "domande che mi fate sempre, parte 3"),
    ("2026-05-27 19:12:45", 45_930, "beggin", "beggin' con il loop #maneskin #looper"),
    ("2026-05-22 18:20:00", 1_204_377, "brightside", "everyone in the pub knew every word 🍻"),
    ("2026-05-19 17:58:33", 22_015, "apple only", "volare per la nonna ❤️"),
    ("2026-05-15 18:01:27", 31_870, "levitating", "levitating, but it's 1 a.m. and I can't wake the neighbours"),
    ("2026-05-11 20:44:09", 7_312, None, "dietro le quinte, foto dal tour 📸"),
    ("2026-05-06 18:15:51", 64_118, "gio plays brightside", "voi cantate, io suono"),
    ("2026-05-02 18:09:10", 12_650, "sara perche", "sarà perché ti amo, versione lenta"),
    ("2026-04-27 17:40:26", 28_443, "as it was", "as it was on a broken melodica"),
    ("2026-04-23 19:05:38", 15_099, "library", "cosa c'è nel mio zaino"),
    ("2026-04-18 18:33:14", 88_760, "bad guy", "bad guy solo con le mani 👏👏"),
    ("2026-04-12 18:26:57", 5_480, "gio, no flag", "prova microfono"),
    ("2026-04-05 16:50:03", 19_234, "azzurro", "azzurro, Pasqua in famiglia 🐣"),
    ("2026-03-29 18:12:40", 41_007, "shape", "shape of you ma in 7/8"),
    ("2026-03-22 18:47:22", 10_366, "withdrawn", "mambo italiano con papà"),
    ("2026-03-15 17:22:18", 76_541, "blinding", "blinding lights, solo bassi"),
    ("2026-03-07 18:00:00", 130_982, "never gonna", "sono tornato, vi ho fregati 🕺 #rickroll"),
    # five months on tour without a post
    ("2025-10-05 18:31:44", 25_711, "soldi", "soldi soldi soldi 💸 ci vediamo in primavera"),
    ("2025-10-03 18:05:20", 8_998, "gio, no links", "valigia"),
    ("2025-09-30 19:19:19", 14_020, "take on me", "take on me: la nota alta è colpa vostra"),
    ("2025-09-27 18:42:30", 33_355, "bohemian", "bohemian rhapsody in 60 seconds, all voices mine"),
    ("2025-09-24 17:16:08", 11_742, "regional", "tu vuò fà l'americano? sì"),
    ("2025-09-20 18:27:59", 57_903, "gio plays heat waves", "which song is this? answers in the comments 👀"),
    ("2025-09-17 18:03:36", 6_120, "gio, empty links", "silenzio in studio"),
    ("2025-09-13 20:10:10", 39_476, "dance monkey", "dance monkey con i bicchieri 🥂"),
    ("2025-09-10 18:55:01", 21_388, "clair de lune", "clair de lune, pianoforte verticale, finestra aperta"),
    ("2025-09-06 18:08:47", 17_265, "thats amore", "that's amore 🍕"),
    ("2025-08-30 17:49:52", 94_813, "despacito", "despacito, ma piano piano (letteralmente)"),
    ("2025-08-26 18:36:05", 13_577, "broken link", "caruso, Sorrento, ore 6 del mattino"),
    ("2025-08-21 18:14:29", 29_940, "brightside", "ancora mr. brightside, lo so"),
    ("2025-08-16 21:02:13", 48_122, "yoru ni kakeru", "夜に駆ける、イタリアから 🇮🇹🇯🇵"),
    ("2025-08-10 18:21:41", 16_084, "gio", "come accordo la chitarra"),
    ("2025-08-05 18:30:16", 23_659, "levitating on album", "levitating, versione lunga"),
    ("2025-07-30 18:11:58", 36_400, "alors on danse", "alors on danse 🇧🇪"),
    ("2025-07-24 17:37:07", 7_834, "gio, flagged", "questa l'ho scritta io, giuro"),
    ("2025-07-19 18:52:24", 20_573, "nassam alayna", "نسم علينا الهوا — grazie Beirut 🌲"),
    ("2025-07-12 18:04:33", 52_216, "hotel california", "hotel california, assolo all'organetto"),
    ("2025-07-05 19:28:50", 12_911, "space song", "space song at 5 a.m."),
    ("2025-06-27 18:17:15", 27_348, "watermelon", "watermelon sugar 🍉🍉🍉"),
    ("2025-06-20 18:40:02", 9_153, None, "setlist di stasera, in foto"),
    ("2025-06-12 18:25:39", 61_790, "running up", "running up that hill, una voce sola"),
    ("2025-06-03 17:55:46", 18_867, "blinding", "blinding lights, prima versione"),
    ("2025-05-25 18:09:28", 3_408_212, "beggin", "beggin' nella metro di Milano 🚇 (grazie per i 3 milioni)"),
    ("2025-05-16 18:33:54", 15_630, "teen spirit", "teen spirit ukulele"),
    ("2025-05-07 18:00:41", 10_244, "library", "errori, una raccolta"),
    ("2025-04-21 16:46:17", 24_801, "uptown funk", "uptown funk, Pasquetta 🔥"),
    ("2025-04-03 18:12:03", 8_019, "gio", "primo video, ciao!"),
)
_GIO_PINNED = "2025-05-25 18:09:28"

_IDA = (
    ("2026-06-10 15:20:31", 6_204, "manis dziesmas", "Līgo drīz 🌿 #līgo"),
    ("2026-06-06 16:02:11", 3_317, "dreams", "dreams, kokle version"),
    ("2026-06-01 15:41:09", 11_850, "brightside", "mr. brightside on kokle, sorry"),
    ("2026-05-28 15:55:48", 2_096, "ida", "kā skan kokle no iekšpuses"),
    ("2026-05-23 16:30:27", 4_981, "blinding", "blinding lights, 11 strings"),
    ("2026-05-18 15:12:53", 9_422, "another love", "another love 💔"),
    ("2026-05-14 15:48:36", 1_873, "ida, no links", "jaunas stīgas"),
    ("2026-05-09 16:07:04", 7_708, "sweater weather", "sweater weather (it is 9 °C in Rīga)"),
    ("2026-05-03 15:33:22", 2_455, None, "Baltais galdauts, foto 🤍"),
    ("2026-04-28 15:26:15", 5_139, "riptide", "riptide"),
    ("2026-04-22 16:18:40", 3_902, "yoru ni kakeru", "夜に駆ける on kokle, slowly"),
    ("2026-04-17 15:59:57", 14_366, "cruel summer", "cruel summer at the lake 🛶"),
    ("2026-04-11 15:04:19", 2_718, "gruppa krovi", "Группа крови, one take"),
    ("2026-04-04 15:45:02", 6_655, "levitating on album", "levitating with my sister"),
    ("2026-03-28 16:21:33", 1_540, "ida", "Q&A"),
    ("2026-03-21 15:37:46", 8_087, "ida plays brightside", "guess the song 🙈"),
    ("2026-03-14 15:11:08", 4_219, "clair de lune", "clair de lune"),
    ("2026-03-07 16:09:51", 3_064, "withdrawn", "mambo, for @gioscottii"),
    ("2026-02-28 15:50:25", 5_773, "derniere danse", "dernière danse"),
    ("2026-02-21 15:28:12", 2_301, "library", "unboxing a 1930s kokle"),
    ("2026-02-14 16:00:00", 10_948, "shallow", "שלום, שיר אהבה 💘 shallow"),
    ("2026-02-08 15:19:37", 3_480, "stay", "stay"),
    # an editor's broken text: a NUL and half of a surrogate pair
    ("2026-02-01 15:42:58", 2_930, "drivers license", "drivers\x00license 💔 \ud800 cut"),
    ("2026-01-25 15:06:44", 4_412, "anti-hero", "first video, it's me, hi 🙋‍♀️"),
)

# the sounds that the smaller creators use in turn
_CHARTS = (
    "old town road",
    "despecha",
    "dynamite",
    "gangnam style",
    "somebody",
    "save your tears",
    "wonderwall",
    "billie jean",
    "library",
)


def _seconds(utc: str) -> int:
    return int(datetime.fromisoformat(f"{utc}+00:00").timestamp())


def _videos(handle: str, rows: Sequence[tuple[str, int, str | None, str]], pinned: str = "") -> list[Video]:
    return [
        new_video(
            handle,
            _seconds(created),
            description,
            plays,
            SOUNDS[sound] if sound else None,
            pinned=created == pinned,
            images=0 if sound else 4,
        )
        for created, plays, sound, description in rows
    ]


def _daily(handle: str, count: int, description: str) -> list[Video]:
    """One video a day up to 2026-06-01, with the sounds of the charts in turn."""
    newest = _seconds("2026-06-01 12:00:00")
    return [
        new_video(handle, newest - day * 24 * 3600, description, 2_000 + 37 * day, SOUNDS[_CHARTS[day % len(_CHARTS)]])
        for day in range(count)
    ]


def make_world() -> World:
    """A fresh world, to be changed at will."""
    creators = [
        Creator("gioscottii", "Gio Scotti 🎹", 427_682, _videos("gioscottii", _GIO, _GIO_PINNED)),
        Creator("idazeile", "Ida Zeile", 9_412, _videos("idazeile", _IDA)),
        Creator("quietroom", "quiet room", 31),
        Creator("private.keys", "private keys", 208, status="private"),
        Creator("gone.tomorrow", "gone", 0, status="banned"),
        Creator("members.only", "members only 🔞", 0, status="members_only"),
        Creator("blocked.page", "blocked page", 0, status="challenge"),
        Creator("login.wall", "login wall", 0, status="login_wall"),
        # the text would end the page's script if it were not escaped
        Creator("shell.only", "shell only", 1_530, _daily("shell.only", 5, "live </script> soon"), status="shell"),
        Creator("empty.answers", "empty answers", 770, _daily("empty.answers", 3, "#charts"), listing="empty_body"),
        Creator("same.page", "same page", 4_088, _daily("same.page", 20, "#charts"), listing="same_page"),
        Creator("halfway", "halfway", 12_960, _daily("halfway", 30, "#charts"), listing="refused_after_first"),
    ]
    return World(
        {c.handle: c for c in creators},
        {t.id: t for t in deepcopy(list(_TRACKS.values()))},
        {a.id: a for a in _artists()},
    )
