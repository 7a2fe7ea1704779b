import Testing

@testable import Datasets

/// What folders stand for.
@Suite struct LayoutTests {
  struct Case: CustomTestStringConvertible {
    var names: [String]
    /// Label and part of each name.
    var expected: [String]
    /// Words of a note; nil where nothing is to be said.
    var note: String?
    var testDescription: String { names.joined(separator: " ") }
  }

  static let cases = [
    Case(
      names: ["train/a/1", "train/b/1", "test/a/2", "val/b/3"],
      expected: ["a train", "b train", "a test", "b val"]),
    Case(
      names: ["set/Train/a/1", "set/Train/b/1", "set/Validation/b/3"],
      expected: ["a train", "b train", "b val"]),
    Case(
      names: ["a/train/1", "a/test/2", "b/train/3"], expected: ["a train", "a test", "b train"]),
    Case(
      names: ["images/train/1", "images/val/2", "masks/train/1"],
      expected: ["images train", "images val", "masks train"]),
    Case(names: ["photos/1", "photos/2"], expected: ["- train", "- train"]),
    Case(names: ["1", "a/2"], expected: ["- train", "a train"], note: "one label, a"),
    Case(
      names: ["train/a/1", "train/a/2"], expected: ["a train", "a train"], note: "one label, a"),
    Case(
      names: ["x/y/train/a/1", "x/y/train/b/2", "x/y/test/b/3"],
      expected: ["a train", "b train", "b test"]),
    // Words of parts that are none.
    Case(
      names: ["parts/valid/1", "parts/invalid/2"], expected: ["valid train", "invalid train"],
      note: "valid is taken as any other folder"),
    Case(
      names: ["car/1", "train/2", "bus/3"], expected: ["car train", "train train", "bus train"]),
    Case(
      names: ["test/cat/1", "test/dog/2"], expected: ["cat train", "dog train"],
      note: "All pictures are in the folder test"),
    Case(
      names: ["test/1", "test/2"], expected: ["- train", "- train"], note: "in the folder test"),
    Case(
      names: ["val/cat/1", "test/dog/2"], expected: ["cat train", "dog train"],
      note: "test, val are taken as any other folder"),
    Case(
      names: ["train/test/1", "train/good/2", "test/good/3"],
      expected: ["test train", "good train", "good test"]),
    Case(
      names: ["a/train/1", "a/test/2", "b/good/3"],
      expected: ["train train", "test train", "good train"], note: "test is taken as any other"),
    Case(
      names: ["train/a/1", "test/b/2", "extra/c/3"], expected: ["a train", "b test", "c train"],
      note: "extra stands beside the folders of parts"),
    // A folder that says nothing below the class.
    Case(
      names: ["t/train/n1/images/1", "t/train/n2/images/2", "t/test/images/3"],
      expected: ["n1 train", "n2 train", "- test"], note: "last folder of all pictures is images"),
    Case(
      names: ["n1/images/full/1", "n2/images/full/2"], expected: ["n1 train", "n2 train"],
      note: "last folder of all pictures is full"),
    // Swift's equality is not the bytes'.
    Case(
      names: ["Caf\u{E9}/1", "Cafe\u{301}/1", "Tee/1"],
      expected: ["Caf\u{E9} train", "Caf\u{E9} train", "Tee train"],
      note: "different code points that look the same"),
    Case(
      names: ["a/\u{301}x/1", "b/\u{301}x/2"], expected: ["a train", "b train"], note: "above"),
  ]

  @Test(arguments: cases)
  func `folders are labels and parts only where the layout shows it, and it is said`(one: Case) {
    let layout = FolderLayout(names: one.names)
    let found = layout.places.map { place in
      "\(place.label.map { layout.labels[$0] } ?? "-") \(place.split.name)"
    }
    #expect(found == one.expected)
    if let note = one.note {
      #expect(layout.notes.contains { $0.contains(note) }, "\(layout.notes)")
    } else {
      #expect(layout.notes.isEmpty, "\(layout.notes)")
    }
  }
}
