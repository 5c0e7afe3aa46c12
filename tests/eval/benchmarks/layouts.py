"""Two rows or so of every published benchmark, in the columns and types that its table has.

Each comes with an answer that its rule calls right and one that it calls wrong (None where a rule alone
cannot: facts, where other words may be right).
"""

from dataclasses import dataclass, field
from typing import Any

from eval.benchmarks.published import base64_text, embedded, png


@dataclass(frozen=True)
class Layout:
    rows: list[dict[str, Any]]
    right: list[str]
    wrong: list[str | None]
    settings: dict[str, Any] = field(default_factory=dict)


CHOICES = {"A": "red", "B": "dark blue", "C": "green", "D": "B"}

LAYOUTS = {
    "realx": Layout(
        [
            {
                "query": "In which town is this house?",
                "answer": "Freiburg im Breisgau or Freiburg",
                "perception": 1,
                "search": 1,
                "reason": 1,
                "image": embedded(1),
            },
            {
                "query": "哪一年？",
                "answer": "1998",
                "perception": 0,
                "search": 1,
                "reason": 0,
                "image": embedded(2),
            },
        ],
        ["Freiburg", "in 1998"],
        [None, "1999"],
    ),
    "vstar": Layout(
        [
            {
                "image": embedded(1),
                "text": "What is the material of the glove?\n(A) rubber\n(B) cotton\n(C) kevlar\n"
                "(D) leather\nAnswer with the option's letter from the given choices directly.",
                "category": "direct_attributes",
                "question_id": "0",
                "label": "B",
            },
            {
                "image": embedded(2),
                "text": "Is the dog on the left or right of the car?\n(A) right\n(B) left\nAnswer.",
                "category": "relative_position",
                "question_id": "1",
                "label": "A",
            },
        ],
        ["B", "(A) right"],
        ["C", "B. left"],
    ),
    "hrbench_4k": Layout(
        [
            {
                "index": 0,
                "question": "Which colour is the flag?",
                "answer": "B",
                "category": "single",
                **CHOICES,
                "cycle_category": "cycle_1",
                "image": base64_text(1),
            },
            {
                "index": 1,
                "question": "Which colour is the flag?",
                "answer": "A",
                "category": "single",
                "A": "dark blue",
                "B": "green",
                "C": "B",
                "D": "red",
                "cycle_category": "cycle_2",
                "image": base64_text(1),
            },
        ],
        ["B", "dark blue"],
        ["D", "C"],
    ),
    "mme_realworld": Layout(
        [
            {
                "bytes": base64_text(1),
                "question": "How many buses are there?",
                "multi-choice options": [
                    "(A) 1",
                    "(B) 2",
                    "(C) 3",
                    "(D) 4",
                    "(E) The image does not show it.",
                ],
                "answer": "E",
                "category": "Perception/Remote Sensing",
                "l2-category": "count",
                "index": 17,
            }
        ],
        ["(E)"],
        ["A"],
    ),
    "treebench": Layout(
        [
            {
                "index": "3",
                "image": base64_text(1),
                "question": "What is beside the tree?",
                "multi-choice options": "A. a dog\nB. a cat",
                "A": "a dog",
                "B": "a cat",
                "C": "None",
                "D": "nan",
                "answer": "B",
                "category": "Perception/Attributes",
                "target_instances": "[[10, 5, 20, 15]]",
            },
            {
                "index": "4",
                "image": base64_text(2),
                "question": "Which is read there?\nA. EXIT\nB. ENTRY",
                "multi-choice options": "",
                "A": "",
                "B": "",
                "C": "",
                "D": "",
                "answer": "A",
                "category": "Perception/OCR",
                "target_instances": "nothing that can be read [",
            },
        ],
        ["B", "A"],
        ["A", "B"],
    ),
    "visualprobe_hard": Layout(
        [
            {
                "doc_id": 7,
                "problem": "<image>\nWhat is on the red sign?",
                "images": [embedded(1)],
                "solution": "42",
            }
        ],
        ["42"],
        ["43"],
    ),
    "ocrbench": Layout(
        [
            {
                "dataset": "IIIT5K",
                "question": "what is written in the image?",
                "question_type": "Regular Text Recognition",
                "answer": ["CENTRE", "Center"],
                "image": embedded(1),
            },
            {
                "dataset": "HME100k",
                "question": "Write the formula in LaTeX.",
                "question_type": "Handwritten Mathematical Expression Recognition",
                "answer": ["x ^ { 2 }"],
                "image": embedded(2),
            },
        ],
        ["It says centre.", "x^{2}"],
        ["contra", "x^{3}"],
    ),
    "seed_bench_2_plus": Layout(
        [
            {
                "question": "Which line is the steepest?",
                "image": embedded(1),
                "choice_A": "the red one",
                "choice_B": "the blue one",
                "choice_C": "the green one",
                "choice_D": "all",
                "answer": "C",
                "question_image_type": "chart",
                "question_id": "chart_1",
            }
        ],
        ["C"],
        ["(C)"],
    ),
    "charxiv_descriptive": Layout(
        [
            {
                "image": embedded(1),
                "figure_path": "images/12.jpg",
                "category": "cs",
                "subplot_loc": None,
                "subplot_row": 1,
                "subplot_col": 2,
                **{f"descriptive_q{place}": number for place, number in enumerate((2, 10, 18, 11), 1)},
                **{
                    f"descriptive_a{place}": text
                    for place, text in enumerate(("Epoch", "3", "1 by 2", "Not Applicable"), 1)
                },
            }
        ],
        ["epoch", "3", "1 by 2", "Not Applicable"],
        [None, "4", None, None],
    ),
    "charxiv_reasoning": Layout(
        [
            {
                "image": embedded(1),
                "figure_path": "images/12.jpg",
                "category": "cs",
                "reasoning_q": "What is the mean of the bars?",
                "reasoning_q_source": 4,
                "reasoning_a": "0.25",
            }
        ],
        ["0.25"],
        ["0.3"],
    ),
    "chartqa": Layout(
        [
            {
                "type": "human_test",
                "question": "How many food items are shown?",
                "answer": ["14"],
                "image": embedded(1),
            },
            {
                "type": "augmented_test",
                "question": "Which is largest?",
                "answer": ["Ireland"],
                "image": embedded(2),
            },
        ],
        ["14.5", "ireland"],
        ["15", "Iceland"],
    ),
    "mathvista": Layout(
        [
            {
                "pid": "1",
                "question": "How far is it?",
                "image": "images/1.jpg",
                "decoded_image": embedded(1),
                "choices": None,
                "unit": "cm",
                "precision": 1.0,
                "answer": "1.2",
                "question_type": "free_form",
                "answer_type": "float",
                "metadata": {"task": "geometry", "skills": ["arithmetic reasoning"]},
                "query": "Hint: ...",
            },
            {
                "pid": "3",
                "question": "Which angle?",
                "image": "images/3.jpg",
                "decoded_image": embedded(2),
                "choices": ["135°", "140°", "145°", "150°"],
                "unit": None,
                "precision": None,
                "answer": "145°",
                "question_type": "multi_choice",
                "answer_type": "text",
                "metadata": {"task": "geometry", "skills": ["geometry reasoning"]},
                "query": "Hint: ...",
            },
        ],
        ["1.21", "145°"],
        ["1.31", "150°"],
    ),
    "mathverse": Layout(
        [
            {
                "sample_index": "5",
                "problem_index": "1",
                "problem_version": "Vision Only",
                "question": "",
                "image": embedded(1),
                "answer": "C",
                "question_type": "multi-choice",
                "metadata": {"subject": "Plane Geometry"},
                "query_wo": "",
                "query_cot": "",
                "question_for_eval": "Find m∠H\nChoices:\nA:97\nB:102\nC:107\nD:122",
            },
            {
                "sample_index": "6",
                "problem_index": "2",
                "problem_version": "Text Lite",
                "question": "How long is BC?",
                "image": embedded(2),
                "answer": "10",
                "question_type": "free-form",
                "metadata": {"subject": "Plane Geometry"},
                "query_wo": "",
                "query_cot": "",
                "question_for_eval": "How long is BC?",
            },
            {
                "sample_index": "7",
                "problem_index": "2",
                "problem_version": "Text Only",
                "question": "How long is BC, if ...?",
                "image": None,
                "answer": "10",
                "question_type": "free-form",
                "metadata": {"subject": "Plane Geometry"},
                "query_wo": "",
                "query_cot": "",
                "question_for_eval": "",
            },
        ],
        ["C", "BC = 10"],
        ["A", "11"],
    ),
    "mathvision": Layout(
        [
            {
                "id": "34",
                "question": "One piece looks like <image1>. What does the other look like?\n<image2>",
                "options": ["A", "B", "C", "D", "E"],
                "image": "images/34.jpg",
                "decoded_image": embedded(1),
                "answer": "D",
                "solution": None,
                "level": 1,
                "subject": "combinatorial geometry",
            },
            {
                "id": "2000",
                "question": "How much of <image1> is grey?",
                "options": [],
                "image": "images/2000.jpg",
                "decoded_image": embedded(2),
                "answer": r"\frac{3}{4}",
                "solution": "A long one.",
                "level": 5,
                "subject": "arithmetic",
            },
        ],
        ["D", "3/4"],
        ["E", "1/4"],
    ),
    "we_math": Layout(
        [
            {
                "ID": "12",
                "split": "testmini",
                "knowledge concept": "Angles",
                "question": f"How large is angle {step}?",
                "option": "A. 30°; B. 45°; C. 60°; D. No correct answer",
                "answer": answer,
                "image_path": embedded(1),
                "key": key,
                "question number": "12",
                "knowledge concept description": "",
            }
            for step, (key, answer) in enumerate(
                (("2steps_1", "A"), ("2steps_2", "B"), ("2steps_multi", "D"))
            )
        ],
        ["A", "45°", "(D)"],
        ["B", "A", "C"],
    ),
    "dynamath": Layout(
        [
            {
                "id": "1",
                "question_id": "4",
                "question": "What is the slope?",
                "decoded_image": embedded(1),
                "image": "images/Q4_V1.png",
                "ground_truth": "1.5",
                "answer_type": "float",
                "subject": "algebra",
                "level": "high school",
            },
            {
                "id": "2",
                "question_id": "4",
                "question": "Which curve is even? Choice: (A) red (B) blue",
                "decoded_image": embedded(2),
                "image": "images/Q4_V2.png",
                "ground_truth": "B",
                "answer_type": "multiple choice",
                "subject": "algebra",
                "level": "high school",
            },
            {
                "id": "3",
                "question_id": "4",
                "question": "Is f even or odd?",
                "decoded_image": embedded(3),
                "image": "images/Q4_V3.png",
                "ground_truth": "odd",
                "answer_type": "text",
                "subject": "algebra",
                "level": "high school",
            },
        ],
        ["1.5", "blue", "odd"],
        ["2.5", "A", ""],
    ),
    "logicvista": Layout(
        [
            {
                "question_id": "v1_1",
                "question": "Which of these follow? Select all. A, B, C, D",
                "answer": "A, C",
                "skill": ["inductive"],
                "image": embedded(1),
            }
        ],
        ["C, A"],
        ["A"],
    ),
    "tir_bench": Layout(
        [
            {
                "prompt": "Which way?\nA. left\nB. right",
                "image_1": embedded(1),
                "image_2": None,
                "answer": "B",
                "task": "maze",
                "metadata": {"difficulty": None},
                "question_id": 1,
            },
            {
                "prompt": "Give the order of the pieces.",
                "image_1": embedded(2),
                "image_2": embedded(3),
                "answer": "2, 1, 4, 3",
                "task": "jigsaw",
                "metadata": {"difficulty": 2},
                "question_id": 2,
            },
        ],
        ["B", "[2, 1, 4, 3]"],
        ["A", "1, 2, 3, 4"],
    ),
    "zerobench": Layout(
        [
            {
                "question_id": "1",
                "question_text": "How many are there in all?",
                "question_images_decoded": [embedded(1), embedded(2)],
                "question_answer": "1,204",
            }
        ],
        ["1204"],
        ["1203"],
    ),
    "mmsearch": Layout(
        [
            {
                "sample_id": "a1",
                "query": "Who won it?",
                "query_image": embedded(1),
                "image_search_result": embedded(9),
                "area": "news",
                "subfield": "sports",
                "timestamp": "2024-08",
                "gt_requery": "who won",
                "gt_answer": "Ann Lee",
                "alternative_gt_answers": ["A. Lee"],
            },
            {
                "sample_id": "a2",
                "query": "Which year?",
                "query_image": None,
                "image_search_result": None,
                "area": "knowledge",
                "subfield": "arts",
                "timestamp": "2024-08",
                "gt_requery": "",
                "gt_answer": "2024",
                "alternative_gt_answers": [],
            },
        ],
        ["Ann Lee", "2024"],
        [None, "2023"],
    ),
    "simplevqa": Layout(
        [
            {
                "data_id": 3,
                "image": base64_text(1),
                "image_description": "",
                "language": "EN",
                "question": "Which year was it built?",
                "answer": "1889",
                "original_category": "buildings",
                "source": "web",
                "atomic_question": "",
                "atomic_fact": "",
                "vqa_category": "architecture",
            }
        ],
        ["1889"],
        ["1890"],
    ),
    "browsecomp_vl": Layout(
        [
            {
                "question": "When was its founder born?",
                "image_path": base64_text(1),
                "answers": ["1903", "in 1903"],
                "domain": "history",
            }
        ],
        ["1903"],
        ["1904"],
    ),
    "agentvista": Layout(
        [
            {
                "question_id": "q1",
                "question": "<image><image>\nWhich of both is cheaper, in euros?",
                "images": [embedded(1), embedded(2)],
                "solution": "12.50",
            }
        ],
        ["12.50"],
        ["13"],
    ),
}

_VERL = Layout(
    [
        {
            "prompt": [
                {"role": "system", "content": "Search."},
                {"role": "user", "content": "<image>\nWhen was this opened?"},
            ],
            "images": [{"bytes": png(1), "path": None}],
            "reward_model": {
                "ground_truth": "1894",
                "candidate_answers": '["in 1894", "1894"]',
                "style": "model",
            },
            "data_id": "fvqa_test_1",
            "image_urls": None,
        }
    ],
    ["1894"],
    ["1895"],
)
LAYOUTS |= dict.fromkeys(("fvqa", "infoseek", "hr_mmsearch"), _VERL)
LAYOUTS |= dict.fromkeys(("mme_realworld_lite", "mme_realworld_cn"), LAYOUTS["mme_realworld"])
LAYOUTS |= dict.fromkeys(("visualprobe_easy", "visualprobe_medium"), LAYOUTS["visualprobe_hard"])
LAYOUTS["hrbench_8k"] = LAYOUTS["hrbench_4k"]
