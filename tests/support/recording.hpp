// Keeps what test clients receive, for the test that compares it with /asyncapi.json
// (tests/e2e/check-asyncapi.mjs).
#pragma once

#include <string_view>

namespace corohub::test {

// Adds a line to <program>-<pid>.ndjson in the directory COROHUB_TEST_EVENTS, each text once; does nothing
// without that variable. Safe from any thread.
void record_event(std::string_view text);

}  // namespace corohub::test
