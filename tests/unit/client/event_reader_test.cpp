#include "client/event_reader.hpp"

#include <gtest/gtest.h>

namespace corohub::client {
namespace {

TEST(EventReader, events_come_whole_however_the_bytes_come) {
  const std::string text =
      "retry: 1500\nid: e:1\ndata: {\"a\":1}\n\n:\n\n:comment\r\ndata:two\r\ndata: lines\r\n\r\nid: "
      "e:3\nevent: x\n\n"
      "data: last\n\n";
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, text.size()}) {
    EventReader reader;
    std::vector<StreamEvent> events;
    for (std::size_t at = 0; at < text.size(); at += step) {
      reader.feed(std::string_view(text).substr(at, step));
      for (auto event = reader.next(); event.value(); event = reader.next()) events.push_back(**event);
    }
    ASSERT_EQ(events.size(), 4U);
    EXPECT_EQ(events[0].id, "e:1");
    EXPECT_EQ(events[0].data, "{\"a\":1}");
    EXPECT_EQ(events[0].retry_ms, 1500);
    EXPECT_EQ(events[1].data, "two\nlines");
    EXPECT_EQ(events[1].id, "");
    EXPECT_EQ(events[2].id, "e:3");
    EXPECT_EQ(events[2].data, "") << "only says where the stream is";
    EXPECT_EQ(events[3].id, "");
    EXPECT_EQ(events[3].data, "last");
  }
}

TEST(EventReader, an_id_without_data_counts) {
  EventReader reader;
  reader.feed(":\nid: e:7\n\n:\n\ndata: x\n\n");
  const auto position = reader.next();
  ASSERT_TRUE(position && *position);
  EXPECT_EQ((*position)->id, "e:7");
  EXPECT_EQ((*position)->data, "");
  const auto event = reader.next();
  ASSERT_TRUE(event && *event);
  EXPECT_EQ((*event)->id, "");
  EXPECT_EQ((*event)->data, "x");
}

TEST(EventReader, an_event_that_never_ends_is_refused) {
  EventReader reader;
  const std::string piece(1 << 20, 'x');
  Attempt<std::optional<StreamEvent>> event = std::optional<StreamEvent>();
  for (int i = 0; i < 40 && event; ++i) {
    reader.feed(piece);
    event = reader.next();
  }
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().kind, Failure::Kind::protocol);
}

}  // namespace
}  // namespace corohub::client
