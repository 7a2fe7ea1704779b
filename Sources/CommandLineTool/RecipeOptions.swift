public import ArgumentParser
import JSONTree
public import NeuralNetworks
public import Recipes

/// The recipe's fields as flags. They are not declared one by one: whatever the parser does not know is read by
/// `RecipeRequest.init(flags:)` from the table of fields, so that every field can be set here.
struct RecipeOptions: ParsableArguments {
  @Argument(parsing: .allUnrecognized, help: .hidden)
  var flags: [String] = []

  /// The request that the flags make, each value within its limits.
  ///
  /// - Throws: an exit code, after a sentence for each problem.
  func request() throws -> RecipeRequest {
    do {
      let request = try RecipeRequest(flags: flags)
      try request.checkValues()
      return request
    } catch let problems as RecipeProblems {
      // `--hidden` is two fields and one flag: what is wrong with it is said once, under its own name.
      let heads = flags.contains { $0 == "--hidden" || $0.hasPrefix("--hidden=") }
      let names = ["projector_hidden": "--hidden", "predictor_hidden": "--hidden"]
      throw refusal(problems.sentences(flags: heads ? names : [:]))
    } catch {
      throw refusal("\(error)")
    }
  }

  /// Every flag with its limits, what it decides and its default, for `--help`.
  static var help: String {
    let opening = """
      Recipe flags. Each also takes “auto”, which is the default; what it becomes follows “default:”. \
      --hidden sets both --projector-hidden and --predictor-hidden.
      """
    return ([wrapped(opening, indent: 0)] + RecipeField.all.map(\.help)).joined(separator: "\n")
  }
}

extension RecipeField {
  /// The flag and the values that it takes, then what it decides, wrapped.
  fileprivate var help: String {
    let text = description.sentence + " default: " + description.automatic
    return "  \(flag) <\(values)>\n" + wrapped(text, indent: 6)
  }

  private var values: String {
    let range = limits?.text ?? ""
    let unit = description.unit.isEmpty ? "" : " " + description.unit
    switch kind {
    case .choice(let words): return words.joined(separator: " | ")
    case .integer, .number: return range + unit
    case .numbers(let count, _):
      let form = count.count == 1 ? "number,number" : "number,…"
      return "\(form), each \(range)\(unit)"
    }
  }
}

/// Lines of at most 76 characters: the parser breaks longer ones of a discussion again, without their margin.
private func wrapped(_ text: String, indent: Int) -> String {
  let margin = String(repeating: " ", count: indent)
  var (lines, line) = ([String](), margin)
  for word in text.split(separator: " ") {
    if line.count + word.count > 75, line.count > indent {
      lines.append(line)
      line = margin
    }
    line += (line.count > indent ? " " : "") + word
  }
  return (lines + [line]).joined(separator: "\n")
}

extension EncoderConfiguration.Architecture: ExpressibleByArgument {}
extension EncoderConfiguration.Stem: ExpressibleByArgument {}
extension Recipe.Memory: ExpressibleByArgument {}
