"""Gradio's private attributes that `liverseg.app` relies on: these tests fail when gradio changes them."""

from __future__ import annotations

import asyncio
import inspect
import threading
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path

import gradio as gr
import gradio.mcp
import gradio.routes
import pytest
from gradio import processing_utils, utils
from gradio.context import LocalContext
from gradio.queueing import Event
from gradio.state_holder import SessionState, StateHolder
from gradio_client import utils as client_utils

from liverseg.app.api.mcp_server import ToolServer


@pytest.fixture
def page() -> gr.Blocks:
    """A page with a state, a text, a file and one event."""
    with gr.Blocks() as page:
        state = gr.State(None, time_to_live=60, delete_callback=lambda value: None)
        text, file = gr.Textbox(), gr.File()
        text.submit(lambda value: value, text, state)
        file.upload(lambda value: None, file, text)
    page.queue(max_size=2)
    holder = StateHolder()
    holder.set_blocks(page)
    return page


def parameters(function) -> list[str]:
    return list(inspect.signature(function).parameters)


def component(page: gr.Blocks, kind: type) -> gr.Component:
    return next(block for block in page.blocks.values() if isinstance(block, kind))


def test_the_queue_records_calls_and_messages_by_event_and_session(page):
    queue = page._queue
    assert type(queue.event_ids_to_events) is dict and queue.event_ids_to_events == {}
    assert type(queue.pending_event_ids_session) is dict and queue.pending_event_ids_session == {}
    assert "nobody" not in queue.pending_messages_per_session
    queue.pending_messages_per_session["visitor"] = object()
    del queue.pending_messages_per_session["visitor"]
    assert "visitor" not in queue.pending_messages_per_session
    assert queue.sleep_when_free == 0.001
    assert "self.sleep_when_free" in inspect.getsource(type(queue).start_processing)


def test_the_queue_lists_running_calls_in_active_jobs(page):
    async def started() -> list:
        page._queue.start()
        page._queue.close()
        return list(page._queue.active_jobs)

    assert set(asyncio.run(started())) == {None}, "a free worker is None, a busy one a list of events"


def test_waiting_calls_are_listed_by_concurrency_id_in_their_order(page):
    queue, block_fn = page._queue, next(iter(page.fns.values()))
    queue.create_event_queue_for_fn(block_fn)
    waiting = queue.event_queue_per_concurrency_id[block_fn.concurrency_id].queue
    assert waiting == [] and type(waiting) is list
    assert Event("visitor", block_fn, None, None).concurrency_id == block_fn.concurrency_id
    assert "event_queue.queue.append(event)" in inspect.getsource(type(queue).push)
    assert callable(gradio.routes.App.get_blocks)


def test_a_slider_outside_of_its_range_is_an_error_that_is_kept_from_gradio():
    slider = gr.Slider(0, 1, 0.5)
    with pytest.raises(gr.Error):
        slider.preprocess(2)


def test_a_state_gives_each_visitor_a_copy_of_its_first_value(page):
    class Value:
        def __deepcopy__(self, memo):
            return Value()

    with gr.Blocks() as other:
        state = gr.State(Value(), time_to_live=60)
    holder = StateHolder()
    other.state_session_capacity = 10
    holder.set_blocks(other)
    first, second = (holder[visitor][state._id] for visitor in "ab")
    assert isinstance(first, Value) and first is not second and holder["a"][state._id] is first


def test_an_event_of_the_queue_has_its_session_its_data_and_whether_its_client_is_there(page):
    event = Event("visitor", next(iter(page.fns.values())), None, None)
    assert event.session_hash == "visitor" and event.alive is True and event.data is None


def test_inputs_pass_through_preprocess_data_with_function_and_values_first(page):
    assert parameters(page.preprocess_data)[:2] == ["block_fn", "inputs"]
    assert inspect.iscoroutinefunction(page.preprocess_data)
    seen = []
    preprocess = page.preprocess_data

    async def noted(block_fn, inputs, *rest, **named):
        seen.append(([type(one) for one in block_fn.inputs], inputs))
        return await preprocess(block_fn, inputs, *rest, **named)

    page.preprocess_data = noted
    block_fn = next(fn for fn in page.fns.values() if fn.inputs == [component(page, gr.Textbox)])
    asyncio.run(page.process_api(block_fn, ["typed"], state=page.state_holder["visitor"]))
    assert seen == [([gr.Textbox], ["typed"])]


def test_the_state_holder_has_sessions_with_their_last_use_and_a_lock(page):
    before = datetime.now()
    session = page.state_holder["visitor"]
    assert page.state_holder.session_data == {"visitor": session} and isinstance(session, SessionState)
    assert before <= page.state_holder.time_last_used["visitor"] <= datetime.now()
    assert isinstance(page.state_holder.lock, type(threading.Lock()))


def test_a_session_has_states_with_their_time_to_live_and_what_components_showed(page):
    session, state = page.state_holder["visitor"], component(page, gr.State)
    assert session._state_ttl == {} and session.state_data == {} and session.is_closed is False
    session[state._id] = "a result"
    assert session.state_data == {state._id: "a result"}
    seconds, set_at = session._state_ttl[state._id]
    assert seconds == 60 and isinstance(set_at, datetime)
    assert session.STATE_TTL_WHEN_CLOSED == 3600
    assert component(page, gr.Textbox)._id in session.config_values


def test_the_time_to_live_of_a_closed_session_is_that_of_the_session(page):
    session, state = page.state_holder["visitor"], component(page, gr.State)
    session[state._id] = "a result"
    session.is_closed, session.STATE_TTL_WHEN_CLOSED = True, -1
    assert [expired for _, _, expired in session.state_components] == [True]
    session._state_ttl[state._id] = (60, datetime.now())
    session.STATE_TTL_WHEN_CLOSED = 60
    assert [expired for _, _, expired in session.state_components] == [False]


def test_an_event_finds_its_page_and_its_request_in_the_local_context():
    assert isinstance(LocalContext.blocks, ContextVar) and isinstance(LocalContext.request, ContextVar)
    seen = []

    def handler(value):
        request = LocalContext.request.get(None)
        seen.append((LocalContext.blocks.get(None), getattr(request, "session_hash", None)))

    with gr.Blocks() as page:
        text = gr.Textbox()
        text.submit(handler, text, None)
    StateHolder().set_blocks(page)
    (block_fn,) = page.fns.values()
    request = gr.Request(session_hash="visitor")
    asyncio.run(page.process_api(block_fn, ["typed"], state=page.state_holder["visitor"], request=request))
    assert seen == [(page, "visitor")]


def test_a_component_copies_files_to_its_cache_and_lists_those_to_keep(page, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    original = tmp_path / "report.json"
    original.write_text("{}")
    with gr.Blocks():
        file = gr.File()
    copy = Path(file.move_resource_to_block_cache(str(original)))
    assert copy != original and copy.read_text() == "{}" and str(copy) in file.temp_files
    assert file.keep_in_cache == set()


def test_the_upload_folder_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    assert utils.get_upload_folder() == str(tmp_path)


def test_files_are_cached_under_a_hash_of_their_content(tmp_path):
    first, second = (processing_utils.hash_bytes(content) for content in (b"a", b"b"))
    assert first == processing_utils.hash_bytes(b"a") != second and len(first) == 64
    assert parameters(processing_utils.save_base64_to_cache)[:2] == ["base64_encoding", "cache_dir"]
    saved = processing_utils.save_base64_to_cache("data:text/plain;base64,YQ==", str(tmp_path))
    assert Path(saved).read_bytes() == b"a" and Path(saved).is_relative_to(tmp_path)


def test_the_page_has_a_set_of_uploads_to_delete(page):
    assert page.upload_file_set == set()


def test_wrong_arguments_raise_a_type_error_in_construct_args():
    assert "construct_args(" in inspect.getsource(gradio.routes)
    with pytest.raises(TypeError) as error:
        client_utils.construct_args([], (), {"unknown": 1})
    assert error.traceback[-1].name == "construct_args"


def test_launch_looks_up_the_mcp_server_in_its_module():
    assert "gradio.mcp.GradioMCPServer(" in inspect.getsource(gradio.routes)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("get_input_schema", ["self", "tool_name", "parameters"]),
        ("convert_strings_to_filedata", ["self", "value", "filedata_positions"]),
        ("_execute_tool_without_progress", ["self", "job"]),
        ("postprocess_output_data", ["self", "data", "root_url"]),
    ],
)
def test_the_mcp_server_has_the_methods_that_are_overridden(name, expected):
    own, original = getattr(ToolServer, name), getattr(gradio.mcp.GradioMCPServer, name)
    assert parameters(original) == parameters(own) == expected
    assert inspect.iscoroutinefunction(original) == inspect.iscoroutinefunction(own)
    assert f".{name}(" in inspect.getsource(gradio.mcp), "gradio still calls it"


def test_the_mcp_server_describes_files_by_a_property():
    assert isinstance(gradio.mcp.GradioMCPServer._file_data_tool_description, property)
    assert "self.blocks = blocks" in inspect.getsource(gradio.mcp.GradioMCPServer.__init__)
