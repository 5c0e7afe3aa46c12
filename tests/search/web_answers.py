"""What each provider documents: an answer with hits, one without, and its error bodies."""

from typing import Any

KEY = "key-SECRET+42/zz"

NAMES = ("brave", "exa", "searxng", "serpapi", "serper", "tavily")

VARIABLES = {
    "brave": "BRAVE_API_KEY",
    "exa": "EXA_API_KEY",
    "serpapi": "SERPAPI_API_KEY",
    "serper": "SERPER_API_KEY",
    "tavily": "TAVILY_API_KEY",
    "google_lens": "SERPAPI_API_KEY",
}

FULL: dict[str, dict[str, Any]] = {
    "serper": {
        "searchParameters": {
            "q": "tallest tower",
            "gl": "us",
            "hl": "en",
            "type": "search",
            "engine": "google",
        },
        "organic": [
            {
                "title": "Tower &amp; heights",
                "link": "https://example.org/tower",
                "snippet": "The tower is 330 m tall.",
                "date": "Mar 3, 2024",
                "position": 1,
            },
            {"title": "Another", "link": "https://other.example.com/a", "snippet": "Two.", "position": 2},
            {
                "title": "Again",
                "link": "https://example.org/tower",
                "snippet": "The same page.",
                "position": 3,
            },
        ],
        "relatedSearches": [{"query": "tower"}],
        "credits": 1,
    },
    "serpapi": {
        "search_metadata": {"id": "6540ac26", "status": "Success", "total_time_taken": 0.8},
        "search_parameters": {"engine": "google", "q": "tallest tower"},
        "search_information": {"organic_results_state": "Results for exact spelling"},
        "organic_results": [
            {
                "position": 1,
                "title": "Tower & heights",
                "link": "https://example.org/tower",
                "displayed_link": "https://example.org > tower",
                "date": "Mar 3, 2024",
                "snippet": "The tower is 330 m tall.",
                "snippet_highlighted_words": ["tower"],
            },
            {"position": 2, "title": "Another", "link": "https://other.example.com/a", "snippet": "Two."},
        ],
    },
    "tavily": {
        "query": "tallest tower",
        "follow_up_questions": None,
        "answer": None,
        "images": [],
        "results": [
            {
                "title": "Tower & heights",
                "url": "https://example.org/tower",
                "content": "The tower is 330 m tall.",
                "score": 0.91,
                "raw_content": None,
                "published_date": "Sun, 03 Mar 2024 10:00:00 GMT",
            },
            {"title": "Another", "url": "https://other.example.com/a", "content": "Two.", "score": 0.5},
        ],
        "response_time": 1.1,
        "request_id": "r1",
    },
    "brave": {
        "type": "search",
        "query": {"original": "tallest tower", "more_results_available": True},
        "web": {
            "type": "search",
            "results": [
                {
                    "title": "<strong>Tower</strong> &amp; heights",
                    "url": "https://example.org/tower",
                    "description": "The <strong>tower</strong> is 330 m tall.",
                    "age": "March 3, 2024",
                    "page_age": "2024-03-03T10:00:00",
                    "language": "en",
                },
                {"title": "Another", "url": "https://other.example.com/a", "description": "Two."},
            ],
        },
    },
    "exa": {
        "requestId": "b5947044",
        "resolvedSearchType": "neural",
        "results": [
            {
                "title": "Tower & heights",
                "url": "https://example.org/tower",
                "publishedDate": "2024-03-03T10:00:00.000Z",
                "author": "A",
                "id": "https://example.org/tower",
                "highlights": ["The tower is 330 m tall."],
            },
            {"title": "Another", "url": "https://other.example.com/a", "id": "x", "highlights": ["Two."]},
        ],
        "costDollars": {"total": 0.005},
    },
    "searxng": {
        "query": "tallest tower",
        "number_of_results": 0,
        "results": [
            {
                "url": "https://example.org/tower",
                "title": "Tower & heights",
                "content": "The tower is 330 m tall.",
                "publishedDate": "2024-03-03T00:00:00",
                "engine": "bing",
                "engines": ["bing", "brave"],
                "score": 2.0,
                "category": "general",
            },
            {"url": "https://other.example.com/a", "title": "Another", "content": "Two.", "score": 1.0},
        ],
        "answers": [],
        "infoboxes": [],
        "suggestions": [],
        "unresponsive_engines": [["startpage", "Suspended: CAPTCHA"]],
    },
}

EMPTY: dict[str, dict[str, Any]] = {
    "serper": {"searchParameters": {"q": "zzz", "type": "search"}, "organic": [], "credits": 1},
    "serpapi": {
        "search_metadata": {"id": "6540ac26", "status": "Success"},
        "search_information": {"organic_results_state": "Fully empty"},
        "error": "Google hasn't returned any results for this query.",
    },
    "tavily": {"query": "zzz", "results": [], "response_time": 0.7},
    "brave": {"type": "search", "query": {"original": "zzz"}},
    "exa": {"requestId": "b5947044", "results": []},
    "searxng": {"query": "zzz", "results": [], "unresponsive_engines": []},
}

REFUSED: dict[str, tuple[int, dict[str, Any]]] = {
    "serper": (403, {"message": "Unauthorized.", "statusCode": 403}),
    "serpapi": (401, {"error": f"Invalid API key {KEY}. Your API key should be here: https://serpapi.com"}),
    "tavily": (401, {"detail": {"error": f"Unauthorized: missing or invalid API key {KEY}."}}),
    "brave": (
        422,
        {
            "type": "ErrorResponse",
            "error": {"code": "SUBSCRIPTION_TOKEN_INVALID", "detail": "The token is invalid.", "status": 422},
        },
    ),
    "exa": (401, {"requestId": "r", "error": "Invalid API key", "tag": "INVALID_API_KEY"}),
    "searxng": (403, {}),
}

SPENT: dict[str, tuple[int, dict[str, Any]]] = {
    "serper": (400, {"message": "Not enough credits", "statusCode": 400}),
    "serpapi": (429, {"error": "Your account has run out of searches."}),
    "tavily": (432, {"detail": {"error": "This request exceeds your plan's set usage limit."}}),
    "exa": (402, {"requestId": "r", "error": "No credits left", "tag": "NO_MORE_CREDITS"}),
}

BRAVE_BUSY = {
    "type": "ErrorResponse",
    "error": {"status": 429, "detail": "Request rate limit exceeded for plan", "code": "RATE_LIMITED"},
}

LENS = {
    "search_metadata": {"id": "67dc", "status": "Success"},
    "search_parameters": {"engine": "google_lens", "image_id": "xokJ"},
    "visual_matches": [
        {
            "position": 1,
            "title": "A red shoe",
            "link": "https://shop.example.org/shoe",
            "source": "Shop",
            "thumbnail": "https://tbn.example.net/1.jpg",
            "thumbnail_width": 251,
            "thumbnail_height": 201,
        },
        {
            "position": 2,
            "title": "Laces",
            "link": "https://laces.example.org/",
            "source": "Laces",
            "thumbnail": "https://tbn.example.net/2.jpg",
        },
    ],
}

LENS_EMPTY = {
    "search_metadata": {"id": "67dd", "status": "Success"},
    "search_information": {"images_results_state": "Fully empty"},
    "error": "Google Lens hasn't returned any results for this query.",
}
