import Foundation
import HPACore
import HPATestSupport
import Testing

@Suite struct VersionedJSONTests {
  private struct Record: Codable, Equatable {
    var name = "a/b"
    var count = 3
  }

  @Test func `a value reads back as it was, and its text says the format among its sorted keys`() throws {
    let text = try VersionedJSON.text(Record())
    #expect(text == #"{"count":3,"format":1,"name":"a/b"}"#)
    #expect(try VersionedJSON.value(of: Data(text.utf8), path: "x") == Record())
    let path = try TemporaryFolder()
    try FileBytes.write(json: Record(), to: path.path("x.json"))
    #expect(try FileBytes.read(json: path.path("x.json")) == Record())
  }

  @Test func `what versions before wrote has no format, and is read`() throws {
    #expect(try VersionedJSON.value(of: Data(#"{"count":3,"name":"a/b"}"#.utf8), path: "x") == Record())
  }

  @Test(arguments: [
    (#"{"count":3,"format":2,"name":"a/b"}"#, "has format 2; this program reads up to 1"),
    (#"{"form":"another","format":7}"#, "has format 7; this program reads up to 1"),
    (#"{"format":1,"name":"a/b"}"#, "is not the JSON that hpa-feat writes"), ("[", "is not the JSON that hpa-feat writes"),
  ])
  func `a newer format and JSON of another form are bad data, with the file and the cure`(json: String, message: String) {
    let failure = #expect(throws: Failure.self) {
      try VersionedJSON.value(of: Data(json.utf8), as: Record.self, path: "x.json", cure: "Make it again.")
    }
    #expect(failure?.kind == .badData && failure?.message.contains(message) == true && failure?.place.path == "x.json")
    #expect(failure?.cure?.contains("Make it again.") == true)
    #expect(failure?.cure?.contains("newer hpa-feat") == message.contains("format"))
  }
}
