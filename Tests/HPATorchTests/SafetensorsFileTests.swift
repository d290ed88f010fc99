import Foundation
import HPACore
import HPATestSupport
import HPATorch
import Testing

struct SafetensorsFileTests {
  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"))
  func `files of the Python library are read, whatever their element type`() throws {
    let folder = try TemporaryFolder()
    let path = folder.path("python.safetensors")
    try Python.run(
      """
      import sys, torch, safetensors, json
      values = torch.tensor([[0.5, -1.25, 3.0], [65504.0, -0.0, 2 ** -14]])
      tensors = {name: values.to(kind) for name, kind in
                 (('f64', torch.float64), ('f32', torch.float32), ('f16', torch.float16), ('bf16', torch.bfloat16))}
      tensors.update(i64=torch.tensor([1 << 40, -7]), i32=torch.tensor([-5, 6], dtype=torch.int32),
                     u8=torch.tensor([0, 255], dtype=torch.uint8), bool=torch.tensor([True, False]), scalar=torch.tensor(4), empty=torch.zeros(0, 3))
      names = {torch.float64: 'float64', torch.float32: 'float32', torch.float16: 'float16', torch.bfloat16: 'bfloat16', torch.int64: 'int64',
               torch.int32: 'int32', torch.uint8: 'uint8', torch.bool: 'bool'}
      plain = {k: {'dtype': names[v.dtype], 'shape': list(v.shape), 'data': bytes(v.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())} for k, v in tensors.items()}
      safetensors.serialize_file(plain, sys.argv[1], {'size': '512', 'name': 'a "b"\\n\\u00e9'})
      """, [path])
    let file = try SafetensorsFile(path)
    #expect(file.metadata == ["size": "512", "name": "a \"b\"\n\u{e9}"])
    let values: [Float] = [0.5, -1.25, 3, 65504, -0.0, 0x1p-14]
    for name in ["f64", "f32", "f16"] { #expect(try file.floats(name) == values, "\(name)") }
    #expect(try file.floats("bf16") == [0.5, -1.25, 3, 65536, -0.0, 0x1p-14])
    #expect(try file.entry("bf16").shape == [2, 3])
    #expect(try file.tensor("i64").values(of: Int64.self) == [1 << 40, -7])
    #expect(try file.tensor("i32").values(of: Int64.self) == [-5, 6])
    #expect(try file.floats("u8") == [0, 255])
    #expect(try file.floats("bool") == [1, 0])
    #expect(try file.tensor("scalar").item() == 4)
    #expect(try file.tensor("empty").shape == [0, 3])
    #expect(throws: Failure.self) { try file.floats("absent") }
  }

  @Test(.enabled(if: Python.isPresent, "needs scripts/setup test"))
  func `the Python library reads what is written here, bit for bit`() throws {
    var random = SeededGenerator(seed: testSeed())
    let folder = try TemporaryFolder()
    let path = folder.path("swift.safetensors")
    let values = (0..<60).map { _ in Float(random.normal()) }
    try SafetensorsFile.write(
      [
        .init("b/weight", shape: [3, 4, 5], .floats(values)), .init("a", shape: [], .integers([-9])),
        .init("none", shape: [0], .floats([])),
      ],
      metadata: ["text": "Rods & rings \"\u{e9}\"/\\", "size": "96"], to: path)
    let printed = try Python.run(
      """
      import sys
      from safetensors import safe_open
      with safe_open(sys.argv[1], 'np') as file:
        print(file.get_tensor('b/weight').tobytes().hex(), file.get_tensor('b/weight').shape, file.get_tensor('a'), file.get_tensor('a').dtype,
              file.get_tensor('none').shape, sorted(file.metadata().items()), sep='\\n')
      """, [path])
    let hex = values.withUnsafeBytes { $0.map { String(format: "%02x", $0) }.joined() }
    #expect(printed == "\(hex)\n(3, 4, 5)\n-9\nint64\n(0,)\n[('size', '96'), ('text', 'Rods & rings \"\u{e9}\"/\\\\')]\n")
    let again = try SafetensorsFile(path)
    #expect(try again.floats("b/weight") == values)
    #expect(again.metadata["size"] == "96")
  }

  static let f32 = #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#

  @Test(arguments: [
    ("no header", [UInt8](), "too few"),
    ("a header longer than the file", file(length: 1000, "{}", data: 0), "claims 1000"),
    ("a header of 2^64 - 1 bytes", file(length: .max, "{}", data: 0), "claims"),
    ("text that is not JSON", file("{]", data: 0), "JSON"),
    ("JSON of another kind", file("[1, 2]", data: 0), "JSON"),
    ("bytes that are no UTF-8", [1, 0, 0, 0, 0, 0, 0, 0, 255], "JSON"),
    ("an unknown type", file(#"{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,8]}}"#, data: 8), "type 'F4'"),
    ("a shape that does not fill the data", file(#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, data: 8), "does not fill"),
    ("a negative length", file(#"{"a":{"dtype":"F32","shape":[-2,-1],"data_offsets":[0,8]}}"#, data: 8), "does not fill"),
    (
      "an overflowing shape", file(#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#, data: 0), "does not fill"
    ),
    ("offsets the wrong way round", file(#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, data: 8), "offsets"),
    ("a negative offset", file(#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}"#, data: 8), "offsets"),
    ("three offsets", file(#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4,8]}}"#, data: 8), "offsets"),
    ("an offset beyond 64 bits", file(#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,99999999999999999999]}}"#, data: 8), "JSON"),
    ("data that end early", file(f32 + "}", data: 7), "7 bytes of data"),
    ("bytes after the last tensor", file(f32 + "}", data: 9), "9 bytes of data"),
    ("overlapping tensors", file(f32 + #","b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#, data: 12), "overlap"),
    ("the same data twice", file(f32 + #","b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, data: 8), "overlap"),
    ("a hole", file(f32 + #","b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}"#, data: 16), "hole"),
    ("metadata that are no texts", file(#"{"__metadata__":{"a":1}}"#, data: 0), "JSON"),
  ])
  func `a malformed file is refused with a reason`(fault: String, bytes: [UInt8], reason: String) throws {
    let folder = try TemporaryFolder()
    let path = folder.path("broken.safetensors")
    try FileBytes.write(bytes, to: path)
    let failure = #expect(throws: Failure.self, "\(fault)") { try SafetensorsFile(path) }
    #expect(failure?.kind == .badData)
    #expect(failure?.place.path == path)
    #expect(failure?.message.contains(reason) == true, "\(fault): \(failure?.message ?? "")")
  }

  static func file(length: UInt64? = nil, _ header: String, data: Int) -> [UInt8] {
    let length = length ?? UInt64(header.utf8.count)
    return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + header.utf8 + [UInt8](repeating: 0, count: data)
  }

  @Test func `a missing file is a missing input`() {
    #expect(
      throws: Failure(
        .missingInput, "no such file", at: .file("/nowhere/a"), cure: "Check the path; it is taken from the folder you are in.")
    ) {
      try SafetensorsFile("/nowhere/a")
    }
  }
}
