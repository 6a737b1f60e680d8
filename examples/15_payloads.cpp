// Below the types: payloads of ready JSON text, and raw bytes that only the program understands.
//
//     build/release/bin/15_payloads
//
// A typed function takes JSON as it comes; so `fanmill-broker run` feeds C++ workers with its lines.
#include <fanmill/fanmill.hpp>
#include <fanmill/json.hpp>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using fanmill::Payload;

struct Point {
  double x = 0;
  double y = 0;
};
FANMILL_FIELDS(Point, x, y)

Point turned(const Point& point) { return {-point.y, point.x}; }

// A function may also take and give payloads as they are, of any encoding.
Payload flipped(const Payload& image) {
  if (image.encoding != fanmill::Encoding::raw) throw std::invalid_argument("expected raw bytes");
  const std::string_view bytes = image.bytes.view();
  return Payload::raw(std::string(bytes.rbegin(), bytes.rend()));
}

int run_manager(const char* program) {
  fanmill::Manager manager;
  manager.start_workers(2, {program, "worker"});
  const auto any = fanmill::job<Payload>();

  // Results of typed functions are self-describing, so they can be shown as JSON.
  const std::vector points{Payload::json(R"({"x": 3, "y": 4})"),
                           Payload::json(R"({"y": 0.5, "x": 0})")};
  for (const Payload& result : manager.run(points, any.function("turned"))) {
    std::cout << to_json(result) << '\n';
  }

  const std::vector images{Payload::raw("..#|"), Payload::raw("/\\")};
  for (const Payload& result : manager.run(images, any.function("flipped"))) {
    std::cout << result.bytes.view() << '\n';
  }

  // What does not fit is refused in words.
  const auto refused =
      manager.run_outcomes({Payload::json(R"({"x": "3"})")}, any.function("turned"));
  std::cout << refused[0].errors.back().text << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  using fanmill::Functions;
  if (argc > 1) return serve(Functions().add("turned", turned).add("flipped", flipped));
  return run_manager(argv[0]);
}

// Output:
// {"x": -4.0, "y": 3.0}
// {"x": -0.5, "y": 0.0}
// |#..
// \/
// field x of struct Point: expected a number, got text "3"
