using System.Collections;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Parquet;
using Parquet.Schema;
using Parquet.Serialization;

namespace G2RL.Onnx.Problems.Sources;

/// <summary>Rows of Parquet, nested columns included: a struct is an object, a list a list, as verl, TRL and the Hub write them.</summary>
internal static class ParquetRows
{
    /// <summary>The rows, one row group in memory at a time.</summary>
    /// <exception cref="InputException">The file cannot be read as Parquet.</exception>
    public static IEnumerable<SourceRow> Read(string file)
    {
        using var stream = Guarded(file, () => File.OpenRead(file));
        var groups = Guarded(file, () => Groups(stream));
        var number = 0;
        for (var group = 0; group < groups; group++)
        {
            var rows = Guarded(file, () =>
            {
                stream.Position = 0;
                return ParquetSerializer.DeserializeUntypedAsync(stream, rowGroupIndex: group).GetAwaiter().GetResult();
            });
            foreach (var row in rows.Data)
                yield return new(file, ++number, Guarded(file, () => Element(row, rows.Schema)));
        }
    }

    private static int Groups(Stream stream)
    {
        var reader = ParquetReader.CreateAsync(stream, leaveStreamOpen: true).GetAwaiter().GetResult();
        try
        {
            return reader.RowGroupCount;
        }
        finally
        {
            reader.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    private static JsonElement Element(object row, ParquetSchema schema)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
            Write(writer, row, schema.Fields);
        return JsonElement.Parse(buffer.GetBuffer().AsSpan(0, (int)buffer.Length));
    }

    // The reader leaves out what is null; a field that the file has stands in every row. Texts and bytes within lists and maps come as
    // views.
    private static void Write(Utf8JsonWriter writer, object? value, IReadOnlyList<Field> fields)
    {
        switch (value)
        {
            case null:
                writer.WriteNullValue();
                break;
            case string text:
                writer.WriteStringValue(text);
                break;
            case ReadOnlyMemory<char> text:
                writer.WriteStringValue(text.Span);
                break;
            case bool truth:
                writer.WriteBooleanValue(truth);
                break;
            case byte[] bytes:
                writer.WriteStringValue(Encoding.UTF8.GetString(bytes));
                break;
            case ReadOnlyMemory<byte> bytes:
                writer.WriteStringValue(Encoding.UTF8.GetString(bytes.Span));
                break;
            case DateTime time:
                writer.WriteStringValue(time);
                break;
            case double or float when !double.IsFinite(Convert.ToDouble(value)):
                writer.WriteNullValue();
                break;
            case sbyte or byte or short or ushort or int or uint or long or ulong or float or double or decimal:
                writer.WriteRawValue(Convert.ToString(value, CultureInfo.InvariantCulture)!);
                break;
            case IDictionary members:
                writer.WriteStartObject();
                foreach (var field in fields)
                {
                    writer.WritePropertyName(field.Name);
                    Write(writer, members.Contains(field.Name) ? members[field.Name] : null, Inner(field));
                }
                foreach (DictionaryEntry member in members)
                    if (Convert.ToString(member.Key, CultureInfo.InvariantCulture) is { } name && !fields.Any(f => f.Name == name))
                    {
                        writer.WritePropertyName(name);
                        Write(writer, member.Value, []);
                    }
                writer.WriteEndObject();
                break;
            case IEnumerable items:
                writer.WriteStartArray();
                foreach (var item in items)
                    Write(writer, item, fields);
                writer.WriteEndArray();
                break;
            default:
                writer.WriteStringValue(Convert.ToString(value, CultureInfo.InvariantCulture));
                break;
        }
    }

    private static IReadOnlyList<Field> Inner(Field? field) => field switch
    {
        StructField inner => inner.Fields,
        ListField list => Inner(list.Item),
        _ => [],
    };

    // A broken file shows itself in whatever exception the reader met first; none of them is a fault of ours.
#pragma warning disable CA1031
    private static T Guarded<T>(string file, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new InputException($"{file} cannot be read as Parquet: {e.Message} Was it fetched whole?", e);
        }
    }
#pragma warning restore CA1031
}
