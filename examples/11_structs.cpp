// What may travel: structs whose fields are named in one line, and in them nearly everything that
// the standard library has: containers, optionals, variants, durations.
//
//     build/release/bin/11_structs
#include <chrono>
#include <cstdint>
#include <fanmill/fanmill.hpp>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <variant>

namespace {

struct Point {
  double x = 0;
  double y = 0;
};
FANMILL_FIELDS(Point, x, y)

struct Box {
  Point from;
  Point to;
};
FANMILL_FIELDS(Box, from, to)

struct Survey {
  std::string title;
  std::map<std::string, std::variant<Point, Box>> places;
  std::optional<std::chrono::minutes> patience;
  fanmill::BigInteger serial;  // of any size
};
FANMILL_FIELDS(Survey, title, places, patience, serial)

double area(const Point&) { return 0; }
double area(const Box& box) { return (box.to.x - box.from.x) * (box.to.y - box.from.y); }

/// Adds the sum of the areas as one more place.
Survey look(Survey survey) {
  double sum = 0;
  for (const auto& [name, place] : survey.places) {
    sum += std::visit([](const auto& any) { return area(any); }, place);
  }
  survey.title += " of " + std::to_string(survey.places.size()) + " places";
  survey.places["sum"] = Point{sum, 0};
  return survey;
}

int run_manager(const char* program) {
  fanmill::Manager manager;
  manager.start_workers(1, {program, "worker"});
  const Survey survey{
      .title = "survey",
      .places = {{"well", Point{1, 2}}, {"field", Box{{0, 0}, {30, 20}}}},
      .patience = std::chrono::hours(2),
      .serial = fanmill::BigInteger::from_decimal("1267650600228229401496703205376")};

  for (const Survey& seen : manager.run({survey}, fanmill::job<Survey>())) {
    std::cout << seen.title << ": " << std::get<Point>(seen.places.at("sum")).x << ", "
              << seen.patience.value().count() << " min, " << seen.serial.to_decimal() << '\n';
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) return fanmill::serve(look);
  return run_manager(argv[0]);
}

// Output:
// survey of 2 places: 600, 120 min, 1267650600228229401496703205376
