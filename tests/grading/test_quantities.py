"""Numbers in sentences: the one that is meant is found, and none where there are two."""

import pytest

from deepeyes.core.answers import AnswerForm
from deepeyes.grading.quantities import leading, only

FREE = AnswerForm()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", "12"),
        ("12 m", "12 m"),
        ("12 objects left in the scene", "12 objects left"),
        ("$5 per day", "$5 per day"),
        ("1,234.5 of them", "1,234.5"),
        ("x = 5", "5"),
        ("30% of it", "30%"),
        ("-5 here", "-5 here"),
        ("12 to 15", None),
        ("12-15", None),
        ("12 or 13", None),
        ("12 + 3", None),
        ("8 - 6\\pi", None),
        ("5!", None),
        ("10^2", None),
        ("3:2", None),
        ("12Qz", None),
        ("about it", None),
        ("9" * 5_000, None),
    ],
)
def test_the_number_at_the_beginning(text: str, number: str | None):
    found = leading(text, FREE)
    assert found == number or (found is not None and number is not None and number.startswith(found))


@pytest.mark.parametrize(
    ("sentence", "number"),
    [
        ("There are 12 of them.", "12"),
        ("The age gap between the two people is 12 years.", "12 years"),
        ("There are two models that score more than 60.", "two"),
        ("There is only one bar below 0.", "one"),
        ("So the range is 10 - 2 = 8.", "8"),
        ("The 4 groups hold **3** dots each.", "3"),
        ("It took 12 days.", "12 days"),
        ("In 2014, there were 12 of them.", "12"),
        ("In total, 12 pears.", "12 pears"),
        ("The tree has one crown with a total of 12 pears.", "12 pears"),
        ("Of the 9 pears, 5 fell.", "5 fell"),
        ("It is 5, as 3 + 2 make it.", "5"),
        ("There are **3** and **4**.", None),
        ("The first is 3 and the second is 4.", None),
        ("It has 3 doors and 4 windows.", None),
        ("It is not 12.", None),
        ("It is 12 or 13.", None),
        ("It is between 12 and 13.", None),
        ("It was on January 17, 1981.", None),
        ("It was signed on 17 January.", None),
        ("Figure 3 shows it.", None),
        ("It is larger than 12.", None),
        ("To find it, count 12 of them.", None),
        ("It is red.", None),
        ("There are 12 pears and 5 apples.", None),
        ("There are 12 pears, 5 apples.", None),
        ("There are 12 pears and just five apples.", None),
        ("The pot behind the 9 pears stands in the sun.", None),
        ("Its 9 pears hang in the sun.", None),
        ("There are about 12 pears.", None),
        ("kg 5", "5 kg"),
        ("Weight in kg: 5", "5 kg"),
        ("There are more pears in 5", "5"),
        ("Pears: 5", "5"),
        ("kg 5 g", "5 g"),
        ("So the width x ≈ 12.", None),
    ],
)
def test_the_one_number_that_a_sentence_means(sentence: str, number: str | None):
    assert only(sentence, FREE) == number


def test_a_number_that_is_about_right_counts_where_the_form_allows_it():
    for form in (AnswerForm(tolerance=0.1), AnswerForm(precision=1)):
        assert only("So the width x ≈ 12.5.", form) == "12.5"
        assert only("It is about 12.5.", form) == "12.5"
