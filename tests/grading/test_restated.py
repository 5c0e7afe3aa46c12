"""A reply that restates the question with the reference as the one thing that it adds."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepeyes.grading.restated import restates

WROTE = "who wrote the novel emma"
COLOUR = "What colour is the car?"
MANY = "How many cats are on the sofa?"
WHEN = "When did the bridge open?"


@pytest.mark.parametrize(
    ("reply", "question", "gold"),
    [
        ("Emma was written by Jane Austen.", WROTE, "Jane Austen"),
        ("Jane Austen wrote the novel Emma.", WROTE, "Jane Austen"),
        ("The author of *Emma* is **Jane Austen**.", WROTE, "Jane Austen"),
        ("Emma was written by Jane Austen in 1815.", WROTE, "Jane Austen"),
        ("Renowned novelist Jane Austen wrote Emma.", WROTE, "Jane Austen"),
        ("Emma was written by Jane Austen, who was born in Steventon.", WROTE, "Jane Austen"),
        ("Emma was written by Jane Austen (1775-1817).", WROTE, "Jane Austen"),
        ("Emma was written by Jane Austen. It is set in Highbury.", WROTE, "Jane Austen"),
        ("Harry Potter was written by J.K. Rowling.", "Who wrote Harry Potter?", "J. K. Rowling"),
        ("It was Paris.", "Where was it?", "Paris"),
        ("Sao Paulo is the largest city.", "What is the largest city?", "São Paulo"),
        ("The car is red.", COLOUR, "red"),
        ("There are three cats on the sofa.", MANY, "3"),
        ("There are 3 cats on the sofa.", MANY, "three"),
        ("The bridge opened in May 1937.", WHEN, "May 1937"),
        ("The Golden Gate Bridge opened on May 27, 1937.", WHEN, "May 27, 1937"),
        ("The city has 1,234,567 inhabitants.", "How many inhabitants does the city have?", "1234567"),
    ],
)
def test_the_question_with_the_reference_in_it_is_right(reply: str, question: str, gold: str):
    assert restates(reply, question, gold)


@pytest.mark.parametrize(
    ("reply", "question", "gold"),
    [
        ("Emma was written by Fanny Burney.", WROTE, "Jane Austen"),
        ("Emma was written by Jane Austen and Fanny Burney.", WROTE, "Jane Austen"),
        ("Emma was written by Jane Austen or her sister.", WROTE, "Jane Austen"),
        ("Emma was not written by Jane Austen.", WROTE, "Jane Austen"),
        ("Emma wasn't written by Jane Austen.", WROTE, "Jane Austen"),
        ("Emma was perhaps written by Jane Austen.", WROTE, "Jane Austen"),
        ("Emma was written by Jane Austen Leigh.", WROTE, "Jane Austen"),
        ("Mary Jane Austen wrote Emma.", WROTE, "Jane Austen"),
        ("Emma was written by Jane Austen. Wait, it was Fanny Burney.", WROTE, "Jane Austen"),
        ("Emma was written by Jane Austen, who never wrote it.", WROTE, "Jane Austen"),
        ("Jane Austen wrote Emma, and Jane Austen is dead.", WROTE, "Jane Austen"),
        ("West Germany won the cup.", "Who won the cup?", "Germany"),
        ("Apollo 13 failed.", "Which mission failed?", "Apollo"),
        ("It was near Paris, not in it.", "Where was it?", "Paris"),
        ("B is taller than A.", "Who is taller, A or B?", "B"),
        ("The left cat is black.", "Is the left or the right cat black?", "left"),
        ("The car is dark red.", COLOUR, "red"),
        ("Red is the prevailing colour.", COLOUR, "red"),
        ("The car is red and blue.", COLOUR, "red"),
        ("The car is not red.", COLOUR, "red"),
        ("The car is red. Another car is blue.", COLOUR, "red"),
        ("There are 3 cats and 4 dogs on the sofa.", MANY, "3"),
        ("There are about 3 cats on the sofa.", MANY, "3"),
        ("There are -3 cats on the sofa.", MANY, "3"),
        ("There are 3% cats on the sofa.", MANY, "3"),
        ("There are 3! cats on the sofa.", MANY, "3"),
        ("There are .3 cats on the sofa.", MANY, "3"),
        ("A3", MANY, "3"),
        ("The cats on the sofa are A3.", MANY, "3"),
        ("There are 3 million cats on the sofa.", MANY, "3"),
        ("The bridge opened before 1937.", WHEN, "1937"),
        ("The bridge opened in May 1937.", WHEN, "1937"),
        ("The bridge opened in early 1937.", WHEN, "1937"),
        ("", WROTE, "Jane Austen"),
        ("Emma", WROTE, ""),
        ("The the.", "What?", "the"),
    ],
)
def test_with_anything_more_the_rule_cannot_tell(reply: str, question: str, gold: str):
    assert not restates(reply, question, gold)


def test_a_report_is_not_looked_into():
    reply = "Emma was written by Jane Austen."
    assert restates(f"{reply} {'It is long. ' * 50}", WROTE, "Jane Austen")
    assert not restates(f"{reply} {'It is long. ' * 5_000}", WROTE, "Jane Austen")
    assert not restates(reply, WROTE, "Jane Austen" * 5_000)


@given(st.text(max_size=80), st.text(max_size=80), st.text(max_size=20))
def test_any_texts_can_be_asked_about(reply: str, question: str, gold: str):
    assert restates(reply, question, gold) in (True, False)


@pytest.mark.parametrize("piece", ["a ", " ", ".", "a. ", "1", "1,", "'", '"', "\n", "é", "-1", "& "])
def test_long_runs_take_no_time(piece: str):
    text = (piece * 1_000)[:1_000]
    start = time.process_time()
    restates(text, text * 50, text[:500])
    assert time.process_time() - start < 0.5
