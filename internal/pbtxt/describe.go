package pbtxt

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// scope is the package of the described messages.
const scope = "inference"

var scalars = map[string]descriptorpb.FieldDescriptorProto_Type{
	"string": descriptorpb.FieldDescriptorProto_TYPE_STRING, "bool": descriptorpb.FieldDescriptorProto_TYPE_BOOL,
	"int32": descriptorpb.FieldDescriptorProto_TYPE_INT32, "int64": descriptorpb.FieldDescriptorProto_TYPE_INT64,
	"uint32": descriptorpb.FieldDescriptorProto_TYPE_UINT32, "uint64": descriptorpb.FieldDescriptorProto_TYPE_UINT64,
	"float": descriptorpb.FieldDescriptorProto_TYPE_FLOAT, "double": descriptorpb.FieldDescriptorProto_TYPE_DOUBLE,
}

// described is the root's descriptor. Its syntax is proto2, so that a field which is set to 0
// differs from one that is not set.
var described = sync.OnceValue(func() protoreflect.MessageDescriptor {
	file := &descriptorpb.FileDescriptorProto{
		Name: proto.String("model_config"), Package: proto.String(scope), Syntax: proto.String("proto2"),
	}
	for _, name := range slices.Sorted(maps.Keys(enums)) {
		e := &descriptorpb.EnumDescriptorProto{Name: proto.String(name)}
		for i, value := range strings.Fields(enums[name]) {
			e.Value = append(e.Value, &descriptorpb.EnumValueDescriptorProto{Name: proto.String(value), Number: proto.Int32(int32(i))})
		}
		file.EnumType = append(file.EnumType, e)
	}
	for _, name := range slices.Sorted(maps.Keys(messages)) {
		file.MessageType = append(file.MessageType, describe(name, messages[name]))
	}
	built, err := protodesc.NewFile(file, new(protoregistry.Files))
	if err != nil {
		panic("BUG: the description of " + root + " is wrong: " + err.Error())
	}
	return built.Messages().ByName(root)
})

// describe reads the line of one message.
func describe(name, fields string) *descriptorpb.DescriptorProto {
	m := &descriptorpb.DescriptorProto{Name: proto.String(name)}
	for _, text := range strings.Fields(fields) {
		field, kind, _ := strings.Cut(text, ":")
		kind, group, grouped := strings.Cut(kind, "@")
		repeated := strings.HasPrefix(kind, "[]")
		if key, value, isMap := strings.Cut(strings.TrimPrefix(kind, "map["), "]"); isMap && strings.HasPrefix(kind, "map[") {
			kind, repeated = name+"."+entryName(field), true
			m.NestedType = append(m.NestedType, &descriptorpb.DescriptorProto{
				Name:    proto.String(entryName(field)),
				Field:   []*descriptorpb.FieldDescriptorProto{newField("key", key, 1), newField("value", value, 2)},
				Options: &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)},
			})
		}
		f := newField(field, strings.TrimPrefix(kind, "[]"), len(m.Field)+1)
		if repeated {
			f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		}
		if grouped {
			f.OneofIndex = proto.Int32(oneof(m, group))
		}
		m.Field = append(m.Field, f)
	}
	return m
}

// oneof is the number of a group of the message, which is added if it is new.
func oneof(m *descriptorpb.DescriptorProto, group string) int32 {
	for i, g := range m.OneofDecl {
		if g.GetName() == group {
			return int32(i)
		}
	}
	m.OneofDecl = append(m.OneofDecl, &descriptorpb.OneofDescriptorProto{Name: proto.String(group)})
	return int32(len(m.OneofDecl) - 1)
}

func newField(name, kind string, number int) *descriptorpb.FieldDescriptorProto {
	f := &descriptorpb.FieldDescriptorProto{
		Name: proto.String(name), Number: proto.Int32(int32(number)), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
	}
	if scalar, ok := scalars[kind]; ok {
		f.Type = scalar.Enum()
		return f
	}
	f.Type = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum()
	if _, ok := enums[kind]; ok {
		f.Type = descriptorpb.FieldDescriptorProto_TYPE_ENUM.Enum()
	}
	f.TypeName = proto.String("." + scope + "." + kind)
	return f
}

// entryName is the name that a map's entry must have: that of the field in camel case.
func entryName(field string) string {
	var b strings.Builder
	for _, word := range strings.Split(field, "_") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String() + "Entry"
}
